"""Geometry of the sphere: the only package where degrees become radians."""
