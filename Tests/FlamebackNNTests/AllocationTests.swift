import Flameback
import FlamebackKernels
import Foundation
import Testing

/// The blocks of memory that a training step takes once it runs steadily: none of the system's, and no more than it did.
/// All tests share the allocator, so each of these has a process of its own, whose exit code is the number.
@Suite struct AllocationTests {
  static let fromTheSystem: Int32 = 255
  static let notGivenBack: Int32 = 254
  static let notSteady: Int32 = 253

  /// Ends the process with the number of blocks that each of three steps takes, after three others.
  private static func exitWithCount(_ model: Module, _ loss: () -> Tensor) {
    setNumThreads(1)
    let optimizer = Adam(model.parameters())
    var counts: [Int] = []
    for step in 0..<6 {
      let before = CachingAllocator.host.statistics
      optimizer.zeroGrad()
      loss().backward()
      optimizer.step()
      let after = CachingAllocator.host.statistics
      if step < 3 { continue }
      counts.append(after.allocations - before.allocations)
      if after.hits - before.hits != counts.last! { exit(fromTheSystem) }
      if after.active != before.active { exit(notGivenBack) }
    }
    exit(Set(counts).count == 1 ? Int32(counts[0]) : notSteady)
  }

  @Test func ofAnMLP() async {
    await #expect(processExitsWith: .exitCode(20)) {
      let model = Sequential(Linear(64, 128), ReLU(), Linear(128, 128), ReLU(), Linear(128, 10))
      let (x, y) = (Tensor.randn([32, 64]), Tensor.randint(0, 10, [32]))
      AllocationTests.exitWithCount(model) { model(x).crossEntropy(y) }
    }
  }

  @Test func ofAConvNet() async {
    await #expect(processExitsWith: .exitCode(56)) {
      let model = Sequential(
        Conv2d(3, 16, kernelSize: 3, padding: 1), BatchNorm2d(16), ReLU(), MaxPool2d(2),
        Conv2d(16, 32, kernelSize: 3, padding: 1), BatchNorm2d(32), ReLU(), MaxPool2d(2), Flatten(),
        Linear(32 * 8 * 8, 10))
      let (x, y) = (Tensor.randn([8, 3, 32, 32]), Tensor.randint(0, 10, [8]))
      AllocationTests.exitWithCount(model) { model(x).crossEntropy(y) }
    }
  }

  @Test func ofATransformer() async {
    await #expect(processExitsWith: .exitCode(69)) {
      let layer = TransformerEncoderLayer(64, 4, dimFeedforward: 128, batchFirst: true)
      let (x, y) = (Tensor.randn([8, 16, 64]), Tensor.randint(0, 64, [8]))
      AllocationTests.exitWithCount(layer) { layer(x).mean(dim: 1).crossEntropy(y) }
    }
  }
}
