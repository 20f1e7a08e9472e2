"""Many GRUs side by side in PyTorch: hand-written forward and backward steps, each compiled; and nn.GRU, one model
after the other. One nn.GRU or nn.LSTM on batches."""

import numpy as np
import torch
from fits_worker import BETA1, BETA2, CLASSES, DECAY, EPSILON, INPUTS, RATE, STEPS, TOGETHER

torch.set_num_threads(1)


def product(weights, values):
    """Multiply weights (G, K, M) by values (K, B, M or 1); return (G, B, M)."""
    return sum(weights[:, k, None] * values[k][None] for k in range(weights.shape[1]))


def over_sequences(a, b):
    """Return the sums over sequences of a (G, B, M) times b (K, B, M or 1): (G, K, M)."""
    return (a[:, None] * b[None]).sum(2)


def forward(w_ih, w_hh, b_ih, b_hh, x, h):
    """Return (next h, gates (2 H, B, M), the products inside the reset gate, candidates)."""
    size = h.shape[0]
    a, b = product(w_ih, x) + b_ih[:, None], product(w_hh, h) + b_hh[:, None]
    gates, inner = torch.sigmoid(a[: 2 * size] + b[: 2 * size]), b[2 * size :]
    n = torch.tanh(a[2 * size :] + gates[:size] * inner)
    return n + gates[size:] * (h - n), gates, inner.clone(), n


def backward(w_hh, w_out, b_out, x, y, weight, role, h, after, gates, inner, n, dh, di, dr, dbi, dbr, do, dbo):
    """Return the gradient by h; gradients by weights are added in place."""
    size = h.shape[0]
    r, z = gates[:size], gates[size:]
    d = (torch.sigmoid(b_out + sum(w_out[k] * after[k] for k in range(size))) - y) * (weight * role)
    e = dh + d * w_out[:, None]
    dn = e * (1 - z) * (1 - n * n)
    both = [dn * inner * r * (1 - r), e * (h - n) * z * (1 - z)]
    da, db = torch.cat([*both, dn]), torch.cat([*both, dn * r])
    di += over_sequences(da, x)
    dr += over_sequences(db, h)
    dbi += da.sum(1)
    dbr += db.sum(1)
    do += (d * after).sum(1)
    dbo += d.sum(0)
    return e * z + sum(w_hh[g][:, None] * db[g][None] for g in range(3 * size))


class Compiled:
    """Layout: models in the last axis, arrays (units, sequences, models)."""

    updates = 1

    def __init__(self, task_of):
        hidden = task_of(1).hidden
        self.task = task = task_of(256 if hidden <= 2 else 128 if hidden <= 4 else 64)
        torch._dynamo.reset()
        self.forward, self.backward = (torch.compile(f, dynamic=False, fullgraph=True) for f in (forward, backward))
        self.x = torch.tensor(task.x.transpose(0, 2, 1)[..., None].copy())
        self.y, self.mask = torch.tensor(task.y[..., None].astype(task.dtype)), torch.tensor(task.mask[..., None])
        self.roles = torch.tensor(task.roles)
        self.w = {name: torch.tensor(np.moveaxis(values, 0, -1).copy()) for name, values in task.weights.items()}
        self.slots = {name: (torch.zeros_like(w), torch.zeros_like(w)) for name, w in self.w.items()}
        self.count = 0

    def _forward(self):
        """Return [(h, gates, inner, candidates) of each step], and the last h."""
        w = self.w
        h, saved = torch.zeros((self.task.hidden, *self.roles.shape[1:]), dtype=self.x.dtype), []
        for x in self.x:
            after, *rest = self.forward(w["w_ih"], w["w_hh"], w["b_ih"], w["b_hh"], x, h)
            saved.append((h, *rest))
            h = after
        return saved, h

    def _gradient(self):
        w, (saved, after) = self.w, self._forward()
        # Two classes: only the difference of their outputs matters.
        w_out, b_out = w["w_ho"][1] - w["w_ho"][0], w["b_o"][1] - w["b_o"][0]
        sums = [torch.zeros_like(w[name]) for name in ("w_ih", "w_hh", "b_ih", "b_hh")]
        do, dbo, dh = torch.zeros_like(w_out), torch.zeros_like(b_out), torch.zeros_like(after)
        for t in reversed(range(STEPS)):
            now = self.x[t], self.y[t], self.mask[t], self.roles[0], saved[t][0], after, *saved[t][1:]
            dh = self.backward(w["w_hh"], w_out, b_out, *now, dh, *sums, do, dbo)
            after = saved[t][0]
        return dict(zip(("w_ih", "w_hh", "b_ih", "b_hh"), sums)) | {
            "w_ho": torch.stack([-do, do]), "b_o": torch.stack([-dbo, dbo])}

    @torch.inference_mode()
    def run(self, calls):
        for _ in range(calls):
            self.count += 1
            by_first, by_second = 1 / (1 - BETA1**self.count), 1 / (1 - BETA2**self.count)
            for name, gradient in self._gradient().items():
                first, second = self.slots[name]
                first.lerp_(gradient, 1 - BETA1)
                second.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
                below = (second * by_second).sqrt_().add_(EPSILON)
                self.w[name].mul_(1 - RATE * DECAY).addcdiv_(first, below, value=-RATE * by_first)
            if self.count % TOGETHER == 0:
                self.lost = self._losses()

    def _losses(self):
        saved, last = self._forward()
        w_out, b_out = self.w["w_ho"][1] - self.w["w_ho"][0], self.w["b_o"][1] - self.w["b_o"][0]
        loss = torch.zeros_like(self.roles[0])
        for t, after in enumerate([*(each[0] for each in saved[1:]), last]):
            o = b_out + (w_out[:, None] * after).sum(0)
            loss += (torch.nn.functional.softplus(o) - self.y[t] * o) * self.mask[t]
        return (loss * self.roles).sum(1)

    def weights(self):
        return {name: np.moveaxis(values.numpy(), -1, 0) for name, values in self.w.items()}

    def losses(self):
        return self.lost.numpy()


class Module:
    """nn.GRU, one model after the other, as most users write fits."""

    updates = 1

    def __init__(self, task_of):
        self.task = task = task_of(1)
        kind = getattr(torch, task.dtype)
        self.x, self.y = torch.tensor(task.x), torch.tensor(task.y).reshape(-1)
        weights = task.mask[:, :, None] * task.roles[:, None]
        self.weight = torch.tensor(weights.reshape(2, -1, task.models))
        self.models = []
        for model in range(task.models):
            rnn, out = torch.nn.GRU(INPUTS, task.hidden).to(kind), torch.nn.Linear(task.hidden, CLASSES).to(kind)
            parameters = [*rnn.parameters(), *out.parameters()]
            with torch.no_grad():
                for parameter, values in zip(parameters, task.weights.values(), strict=True):
                    parameter.copy_(torch.tensor(values[model]))
            optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(BETA1, BETA2), eps=EPSILON, weight_decay=DECAY)
            self.models.append((rnn, out, optimizer, parameters))

    def _losses(self, model):
        """Return the losses, (2,)."""
        rnn, out, *_ = self.models[model]
        each = torch.nn.functional.cross_entropy(out(rnn(self.x)[0]).reshape(-1, CLASSES), self.y, reduction="none")
        return self.weight[:, :, model] @ each

    def run(self, calls):
        for model, (_, _, optimizer, _) in enumerate(self.models):
            for _ in range(calls):
                optimizer.zero_grad()
                self._losses(model)[0].backward()
                optimizer.step()

    def weights(self):
        return {name: np.stack([each[3][n].detach().numpy() for each in self.models])
                for n, name in enumerate(self.task.weights)}

    @torch.no_grad()
    def losses(self):
        return np.stack([self._losses(model).numpy() for model in range(self.task.models)], 1)


class Batched:
    """nn.GRU or nn.LSTM and autograd, one model on batches."""

    updates = 1

    def __init__(self, task):
        self.task, self.classes, kind = task, task.work.classes, getattr(torch, task.dtype)
        self.x, self.y = torch.tensor(task.x), torch.tensor(task.y)
        self.rnn = getattr(torch.nn, task.cell.upper())(task.x.shape[-1], task.hidden).to(kind)
        self.out = torch.nn.Linear(task.hidden, len(task.weights["b_o"])).to(kind)
        self.parameters = dict(zip(task.weights, [*self.rnn.parameters(), *self.out.parameters()], strict=True))
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(torch.tensor(task.weights[name]))
        adam = {"lr": RATE, "betas": (BETA1, BETA2), "eps": EPSILON}
        own = self.parameters.values()
        self.optimizer = torch.optim.Adam(own, **adam) if task.work.optimizer == "adam" else torch.optim.SGD(own, RATE)

    def run(self, calls):
        for _ in range(calls):
            states = None
            for x, y in zip(self.x, self.y):
                h, states = self.rnn(x, states)
                # An LSTM has two states.
                states = tuple(each.detach() for each in states) if isinstance(states, tuple) else states.detach()
                o = self.out(h)
                if self.classes:
                    loss = torch.nn.functional.cross_entropy(o.flatten(0, 1), y.flatten())
                else:
                    loss = torch.nn.functional.mse_loss(o[..., 0], y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()

    def weights(self):
        return {name: parameter.detach().numpy() for name, parameter in self.parameters.items()}
