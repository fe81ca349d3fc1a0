"""The device and who may use it: what there is, who owns it, who is next, and what was seen.

device, find, budget   what this machine has, which of it is used, and how much of that
nvml, host, cgroup     what the driver and the kernel say of their memory
meter                  who really holds how many bytes of a GPU
profiles               how to use a device of this size
suspend                the driver's own way to take a worker off a GPU
plan, tenant, lease    whose turn it is, and the state of each worker towards the device: no I/O
actions                what a lease is told and answers
keeper, envoy, ledger  carry out what one device's lease decides: time, the workers, what was measured
claim                  one device among several orchestrators
arbiter                all devices: which worker uses which
events                 what happened, for people and for `avatar trace`
workload, simulator    jobs put through plan and lease in virtual time
yardstick, judgement   what that is compared with: first come first served, lower bounds
"""
