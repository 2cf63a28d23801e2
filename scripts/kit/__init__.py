"""The nouns that the scripts share. Data flows one way:

kernel -> bundle -> initramfs -> vm -> ktap -> result -> report
"""
