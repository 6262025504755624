"""The gallery on disk: photos with known places."""
