"""Holds data sets, images and the columns of result tables; imports runtime."""
