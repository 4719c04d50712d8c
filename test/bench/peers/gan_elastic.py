"""Peer baseline for losses: the reference GAN under PyTorch's elastic launcher, with a checkpoint each 50 steps.

  python3 -m torch.distributed.run --standalone --nproc_per_node 2 --max_restarts 1000 gan_elastic.py --folder F
prints JSON lines: {"event": "start", "rank", "pid", "from"} of every rank, {"event": "step", "step"} of rank 0.

The networks, losses and optimizers are those of gan_ddp.py. A killed rank ends the others; the launcher starts all anew,
and they go on from the last checkpoint.
"""
import argparse, json, os
import torch, torch.nn as nn, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel as DDP
from gan_ddp import discriminator, generator


def tell(**event):
    print(json.dumps(event), flush=True)


def main(a):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dist.init_process_group("gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    per_rank = a.batch // ranks
    G, D = DDP(generator()), DDP(discriminator())
    og = torch.optim.Adam(G.parameters(), 2e-4, betas=(0.5, 0.999))
    od = torch.optim.Adam(D.parameters(), 2e-4, betas=(0.5, 0.999))
    parts = dict(G=G, D=D, og=og, od=od)
    path, step = os.path.join(a.folder, "checkpoint.pt"), 0
    if os.path.exists(path):
        saved = torch.load(path)
        step = saved["step"]
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    tell(event="start", rank=rank, pid=os.getpid(), **{"from": step})
    bce = nn.BCEWithLogitsLoss()
    data = torch.rand(8192, 784)
    one, zero = torch.ones(per_rank, 1), torch.zeros(per_rank, 1)
    while True:
        lo = (step * per_rank) % (8192 - per_rank)
        real = data[lo:lo + per_rank]
        fake = G(torch.randn(per_rank, 100)).detach()
        logits = D(torch.cat([real, fake]))
        od.zero_grad(set_to_none=True)
        (bce(logits[:per_rank], one) + bce(logits[per_rank:], zero)).backward()
        od.step()
        for p in D.parameters():
            p.requires_grad_(False)
        og.zero_grad(set_to_none=True)
        bce(D.module(G(torch.randn(per_rank, 100))), one).backward()
        og.step()
        for p in D.parameters():
            p.requires_grad_(True)
        step += 1
        if rank == 0:
            tell(event="step", step=step)
            if step % 50 == 0:
                torch.save(dict(step=step, **{name: part.state_dict() for name, part in parts.items()}), path + ".new")
                os.replace(path + ".new", path)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--batch", type=int, default=100, help="global batch")
    p.add_argument("--folder", required=True)
    main(p.parse_args())
