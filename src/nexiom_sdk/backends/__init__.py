"""Where rows and bytes really live: memory, SQLite, a local folder. Nothing here is loaded until its URL is used."""
