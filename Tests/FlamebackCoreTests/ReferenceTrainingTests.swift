import Flameback
import FlamebackReference
import FlamebackVision
import Testing

/// Three networks train on the strict reference device as on the host: every operation of their steps has a kernel there
/// or is made of others, and the numbers agree.
@Suite(.serialized) struct ReferenceTrainingTests {
  /// The losses of 50 steps on a device.
  private func losses<M: Module>(
    on device: Device, _ make: () -> M, _ optimizer: ([ParameterCell]) -> Optimizer,
    _ loss: (M, Device, _ step: Int) -> Tensor
  ) throws -> [Double] {
    try withErrors {
      try withGenerator(Generator(seed: 5)) {
        let model = make()
        model.to(device)
        let optimizer = optimizer(model.parameters())
        return try (0..<50).map { step in
          optimizer.zeroGrad()
          let value = loss(model, device, step)
          value.backward()
          optimizer.step()
          try device.synchronize()
          return value.itemDouble()
        }
      }
    }
  }

  private func compare<M: Module>(
    _ make: () -> M, _ optimizer: ([ParameterCell]) -> Optimizer, _ loss: (M, Device, Int) -> Tensor
  ) throws {
    let device = Device.reference(500)
    Backends.shared.register(ReferenceBackend(device, isStrict: true))
    defer { Backends.shared.unregister(device) }
    let expected = try losses(on: .cpu, make, optimizer, loss)
    let found = try losses(on: device, make, optimizer, loss)
    #expect(expected.last! < expected[0], "it does not learn")
    for (step, (a, b)) in zip(expected, found).enumerated() {
      #expect(abs(a - b) <= 1e-4 * max(1, abs(a)), "step \(step): \(a) on the host, \(b) on the device")
    }
  }

  @Test func digits() throws {
    let (images, labels) = try Digits.load().tensors(scale: 16)
    try compare {
      ConvNet(channels: 1, size: 8, widths: (4, 8), kernelSize: 3, padding: 1)
    } _: {
      SGD($0, lr: 0.05, momentum: 0.9)
    } _: { model, device, step in
      let range = (step * 8)..<(step * 8 + 8)
      return model(images[range].to(device)).crossEntropy(labels[range].to(device))
    }
  }

  private final class Sequences: Module {
    let lstm = LSTM(4, 8, batchFirst: true), out = Linear(8, 2)
  }

  @Test func lstm() throws {
    let x = Tensor.randn([6, 5, 4], generator: Generator(seed: 1))
    let labels = Tensor([0, 1, 1, 0, 1, 0], shape: [6])
    try compare {
      Sequences()
    } _: {
      Adam($0, lr: 0.02)
    } _: { model, device, _ in
      let hidden = model.lstm(x.to(device)).output.select(dim: 1, index: 4)
      return model.out(hidden).crossEntropy(labels.to(device))
    }
  }

  /// A decoder of two layers with tied embeddings and dropout.
  private final class GPT: Module {
    let tokens = Embedding(16, 16), places = Embedding(8, 16), norm = LayerNorm(16)
    let layers = (0..<2).map { _ in
      TransformerEncoderLayer(
        16, 2, dimFeedforward: 32, dropout: 0.1, activation: { $0.gelu() }, batchFirst: true, normFirst: true)
    }

    func logits(_ x: Tensor) -> Tensor {
      let length = x.shape[1]
      let mask = Tensor.full([length, length], .float(-.infinity), device: x.device).triu(1)
      var y = tokens(x) + places(Tensor.arange(length, device: x.device))
      for layer in layers { y = layer(y, mask: mask) }
      return norm(y).matmul(tokens.weight.transpose(0, 1))
    }
  }

  @Test func gpt() throws {
    let text = Tensor((0..<36).map { $0 * $0 % 16 }, shape: [4, 9])
    try compare {
      GPT()
    } _: {
      AdamW($0, lr: 0.01)
    } _: { model, device, _ in
      let x = text.to(device)
      let logits = model.logits(x.narrow(dim: 1, start: 0, length: 8))
      return logits.reshape([-1, 16]).crossEntropy(x.narrow(dim: 1, start: 1, length: 8).reshape([-1]))
    }
  }
}
