"""The HAGD engine, from models and tasks to validated circuits and their store."""
