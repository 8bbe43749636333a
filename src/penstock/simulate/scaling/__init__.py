"""Pools of replicas in virtual time, sized by policies: what each costs, and how many calls it makes late."""
