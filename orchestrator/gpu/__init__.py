"""The device and who may use it: what there is, who owns it, who is next, and what was seen.

device, nvml, meter    what this machine has, and who really holds how many bytes of it
profiles               how to use a device of this size
plan, lease            whose turn it is, and the state of each worker towards the device: no I/O
arbiter                carries out what the lease decides
events                 what happened, for people and for `avatar trace`
"""
