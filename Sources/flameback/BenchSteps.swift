import Flameback

/// Training steps of small models: their time, and what they ask of memory.
struct StepBench {
  /// Prints a line a model: time, allocations of one step, and how many of those the system had to serve.
  static func run() {
    let image = Tensor.randn([16, 3, 32, 32])
    let labels = Tensor.arange(16) % 10
    report("MLP 784-512-10, batch 64", Sequential(Linear(784, 512), ReLU(), Linear(512, 10))) {
      $0(.randn([64, 784])).crossEntropy(Tensor.arange(64) % 10)
    }
    let convNet = Sequential(
      Conv2d(3, 16, kernelSize: 3, padding: 1), BatchNorm2d(16), ReLU(), MaxPool2d(2), Flatten(), Linear(4096, 10))
    report("ConvNet 3-16-10, 32², batch 16", convNet) { $0(image).crossEntropy(labels) }
    let encoder = TransformerEncoder(
      TransformerEncoderLayer(64, 4, dimFeedforward: 128, batchFirst: true), numLayers: 2)
    let x = Tensor.randn([8, 32, 64])
    report("Transformer, 2 layers of 64, 8 × 32", encoder) { $0(x).square().mean() }
  }

  private static func report<M: Module>(_ name: String, _ model: M, _ loss: (M) -> Tensor) {
    let optimizer = Adam(model.parameters())
    func step() {
      optimizer.zeroGrad()
      loss(model).backward()
      optimizer.step()
    }
    for _ in 0..<5 { step() }
    let before = CachingAllocator.host.statistics
    let count = 20
    let start = ContinuousClock.now
    for _ in 0..<count { step() }
    let elapsed = ContinuousClock.now - start
    let after = CachingAllocator.host.statistics
    let microseconds = Double(elapsed.components.attoseconds) * 1e-12 + Double(elapsed.components.seconds) * 1e6
    let allocations = after.allocations - before.allocations
    say(
      "\(name): \(Int(microseconds) / count) µs, \(allocations / count) allocations a step, "
        + "\(allocations - after.hits + before.hits) from the system")
  }
}
