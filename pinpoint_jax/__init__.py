"""Pinpoint: where was this photo taken, and which photos say so."""
