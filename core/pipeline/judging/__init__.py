"""All that is measured of a circuit: of one just found as of a stored one.

finished     a found circuit, as everything measured of it takes it
validation   all that validation.json says
sections     sections measured one by one; one that fails costs itself
further      which sections there are
circularity  what is owed to the prompts it was found on
dark_matter  what the dictionary's errors carry
revalidate   a stored circuit, tested again
"""
