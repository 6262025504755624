"""Linen modules and the code that fills them with published weights."""
