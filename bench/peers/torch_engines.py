"""PyTorch on the CPU: as most people write it, with an explicit loop over time, with a hand-written backward pass, and
compiled."""

import torch

# Samples that go through all steps together where nothing forces the whole batch: their states stay in the cache.
PIECE = 1024


def _numpy(names, tensors):
    return {name: tensor.detach().clone().numpy() for name, tensor in zip(names, tensors)}


class _Engine:
    """Base of the engines. Weights w_ih (H, 2), w_hh (H, H), w_ho (1, H); x (T, B, 2) and y (T, B, 1), time first."""

    names = ("w_ih", "w_hh", "w_ho")
    together = 1

    def __init__(self, work, threads, weights, x, y):
        torch.set_num_threads(threads)
        self.work, self.given = work, (x, y)
        self.x = torch.tensor(x.transpose(1, 0, 2), dtype=torch.float32).contiguous()
        self.y = torch.tensor(y.transpose(1, 0, 2), dtype=torch.float32).contiguous()
        self.weights = [torch.tensor(weights[name]) for name in self.names]
        self.prepare()

    def prepare(self):
        pass

    def sample(self):
        before = _numpy(self.names, self.weights)
        self.run(self.together)
        return before, *self.given, _numpy(self.names, self.weights)


class Module(_Engine):
    """nn.RNN, nn.Linear, the loss, backward(), optim.SGD. nn.RNN supports tanh and relu only, so this row is a tanh
    network."""

    def prepare(self):
        self.rnn = torch.nn.RNN(2, self.work.hidden, bias=False)
        self.head = torch.nn.Linear(self.work.hidden, 1, bias=False)
        parameters = [self.rnn.weight_ih_l0, self.rnn.weight_hh_l0, self.head.weight]
        with torch.no_grad():
            for parameter, weight in zip(parameters, self.weights):
                parameter.copy_(weight)
        self.weights = parameters
        self.optimizer = torch.optim.SGD(parameters, lr=self.work.rate)

    def run(self, updates):
        for _ in range(updates):
            self.optimizer.zero_grad(set_to_none=True)
            states, _ = self.rnn(self.x)
            outputs = torch.sigmoid(self.head(states))
            loss = torch.nn.functional.mse_loss(outputs, self.y, reduction="sum") * (0.5 / self.work.batch)
            loss.backward()
            self.optimizer.step()


class Eager(_Engine):
    """The loop over time in Python, gradients by autograd; input products and output layer over all steps at once."""

    def prepare(self):
        for weight in self.weights:
            weight.requires_grad_(True)

    def run(self, updates):
        w_ih, w_hh, w_ho = self.weights
        for _ in range(updates):
            pre = (self.x @ w_ih.T).unbind()
            h = torch.sigmoid(pre[0])
            states, w_hh_t = [h], w_hh.T
            for t in range(1, len(pre)):
                h = torch.sigmoid(torch.addmm(pre[t], h, w_hh_t))
                states.append(h)
            outputs = torch.sigmoid(torch.stack(states) @ w_ho.T)
            loss = (outputs - self.y).square().sum() * (0.5 / self.work.batch)
            grads = torch.autograd.grad(loss, self.weights)
            with torch.no_grad():
                torch._foreach_add_(self.weights, grads, alpha=-self.work.rate)


class Handwritten(_Engine):
    """Hand-written forward and backward pass; each array is allocated once; a thousand samples at a time."""

    def prepare(self):
        hidden, steps = self.work.hidden, self.work.steps
        # PyTorch shares each operation among its threads: enough samples for all of them.
        size = min(PIECE * torch.get_num_threads(), self.work.batch)
        self.pieces = [(self.x[:, first : first + size].contiguous(), self.y[:, first : first + size].contiguous())
                       for first in range(0, self.work.batch, size)]
        self.h, self.d = torch.empty(steps, size, hidden), torch.empty(steps, size, hidden)
        self.o = torch.empty(steps, size, 1)

    @torch.inference_mode()
    def run(self, updates):
        for _ in range(updates):
            grads = [torch.zeros_like(weight) for weight in self.weights]
            for x, y in self.pieces:
                self._learn(x, y, *grads)
            torch._foreach_add_(self.weights, grads, alpha=-self.work.rate / self.work.batch)

    def _learn(self, x, y, d_ih, d_hh, d_ho):
        (w_ih, w_hh, w_ho), (steps, batch, _) = self.weights, x.shape
        hidden, w_hh_t = self.work.hidden, w_hh.T
        h, d, o = self.h[:, :batch], self.d[:, :batch], self.o[:, :batch]
        if batch != self.h.shape[1]:  # the last piece, if it is shorter
            h, d, o = (array.contiguous() for array in (h, d, o))
        torch.matmul(x, w_ih.T, out=h)
        rows = h.unbind()
        rows[0].sigmoid_()
        for t in range(1, steps):
            rows[t].addmm_(rows[t - 1], w_hh_t).sigmoid_()
        flat = h.view(-1, hidden)
        torch.mm(flat, w_ho.T, out=o.view(-1, 1)).sigmoid_()
        d_z = (o - y).mul_(torch.addcmul(o, o, o, value=-1))
        torch.mul(d_z, w_ho, out=d)
        deltas, through_sigmoid = d.unbind(), torch.ops.aten.sigmoid_backward.grad_input
        through_sigmoid(deltas[-1], rows[-1], grad_input=deltas[-1])
        for t in range(steps - 2, -1, -1):
            deltas[t].addmm_(deltas[t + 1], w_hh)
            through_sigmoid(deltas[t], rows[t], grad_input=deltas[t])
        d_flat = d.view(-1, hidden)
        d_ih.addmm_(d_flat.T, x.view(-1, 2))
        d_hh.addmm_(d_flat[batch:].T, flat[:-batch])
        d_ho.addmm_(d_z.view(1, -1), flat)


def _gradients(weights, x, y):
    """Return the gradients as one expression, which the compiler can fuse."""
    (w_ih, w_hh, w_ho), (steps, batch, _) = weights, x.shape
    # One sample at a time, products written as sums become part of the fused loops; as calls of a matrix
    # library they would be most of the time.
    product = (lambda a, b: (a[:, :, None] * b[None]).sum(1)) if batch == 1 else torch.mm
    hidden, w_hh_t = len(w_hh), w_hh.T
    pre = product(x.reshape(-1, 2), w_ih.T).reshape(steps, batch, hidden)
    states = [torch.sigmoid(pre[0])]
    for t in range(1, steps):
        states.append(torch.sigmoid(pre[t] + product(states[-1], w_hh_t)))
    h = torch.stack(states)
    o = torch.sigmoid((h * w_ho).sum(-1, keepdim=True))
    d_z = (o - y) * o * (1 - o) * (1 / batch)
    d_h, slope = d_z * w_ho, h * (1 - h)
    deltas = [d_h[-1] * slope[-1]]
    for t in range(steps - 2, -1, -1):
        deltas.append((d_h[t] + product(deltas[-1], w_hh)) * slope[t])
    d = torch.stack(deltas[::-1])
    flat, d_flat = h.reshape(-1, hidden), d.reshape(-1, hidden)
    return (product(d_flat.T, x.reshape(-1, 2)), product(d[1:].reshape(-1, hidden).T, h[:-1].reshape(-1, hidden)),
            product(d_z.reshape(1, -1), flat))


class Compiled(_Engine):
    """torch.compile (Inductor, C++ wrapper) over whole updates: four per call where a call would cost more than its
    work."""

    def prepare(self):
        import torch._inductor.config as inductor

        inductor.cpp_wrapper = True
        self.together = 4 if self.work.batch <= 64 and self.work.steps <= 8 else 1
        self.weights = tuple(self.weights)

        def many(weights, x, y):
            for _ in range(self.together):
                weights = tuple(
                    weight - self.work.rate * grad for weight, grad in zip(weights, _gradients(weights, x, y))
                )
            return weights

        # Other shapes are other functions; without this they would count as recompilations of the first.
        torch._dynamo.reset()
        self.call = torch.compile(many, dynamic=False, fullgraph=True)
        self.run(self.together)

    @torch.inference_mode()
    def run(self, updates):
        for _ in range(updates // self.together):
            self.weights = self.call(self.weights, self.x, self.y)
