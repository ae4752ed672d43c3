"""Tests that hold the documentation equal to the code."""
