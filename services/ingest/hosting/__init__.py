"""Keeps an assistant in each room: the lifecycle decides, processes of bots carry it out."""
