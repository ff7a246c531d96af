"""`python -m services.ingest.bot`: one bot, as its ingest service starts it."""

from services.ingest.bot.process import main

main()
