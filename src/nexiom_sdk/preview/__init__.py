"""Previews made on this machine: a prompt or a picture as a short, real MP4. Nothing here is AI."""
