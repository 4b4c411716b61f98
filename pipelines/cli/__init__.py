"""The tocsin command: arguments and printing only."""
