import Flameback
import FlamebackKernels
import Foundation
import Testing

/// Optimizers that step in the hook of each parameter, while backward runs.
@Suite struct OptimizerInBackwardTests {
  @Test func givesTheResultsOfAStepAfterwards() {
    func model() -> Sequential {
      withGenerator(Generator(seed: 3)) { Sequential(Linear(4, 8), Tanh(), Linear(8, 8), Tanh(), Linear(8, 2)) }
    }
    let (usual, inBackward) = (model(), model())
    let x = Tensor.randn([5, 4])
    let optimizer = SGD(usual.parameters(), lr: 0.1, momentum: 0.9)
    var calls = 0
    for cell in inBackward.parameters() {
      let own = SGD([cell], lr: 0.1, momentum: 0.9)
      cell.registerPostAccumulateGradHook { cell in
        own.step()
        cell.grad = nil
        calls += 1
      }
    }
    for _ in 0..<4 {
      optimizer.zeroGrad()
      usual(x).square().mean().backward()
      optimizer.step()
      inBackward(x).square().mean().backward()
    }
    for (a, b) in zip(usual.parameters(), inBackward.parameters()) {
      #expect(a.tensor.equal(b.tensor) && b.grad == nil)
    }
    #expect(calls == 4 * 6)
  }

  @Test func handlesRemoveTheHook() {
    let cell = ParameterCell(Tensor.ones([2]))
    var calls = 0
    let handle = cell.registerPostAccumulateGradHook { _ in calls += 1 }
    (cell.tensor * 2).sum().backward()
    handle.remove()
    (cell.tensor * 2).sum().backward()
    #expect(calls == 1 && cell.grad!.equal(.full([2], 4.0)))
    let layer = Linear(2, 2)
    layer.$weight.parametrize { ScaledWeight($0) }
    #expect(throws: OpError.self) { try withErrors { layer.$weight.registerPostAccumulateGradHook { _ in } } }
  }

  private final class ScaledWeight: Module, Parametrization {
    @Parameter var original: Tensor
    init(_ value: Tensor) { original = value }
    func value() -> Tensor { original * 2 }
  }

  /// In a chain of 1,000 layers: the blocks of memory in use beyond those before backward, at most, are gradients.
  /// The layers keep nothing for backward. The process has the allocator to itself; its exit code is the number.
  @Test func fewGradientsAreAlive() async {
    await #expect(processExitsWith: .exitCode(3)) {
      setNumThreads(1)
      let block = 4096
      let count = 1000
      let layer = CustomFunction("layer") { inputs, _ in
        [inputs[0] + inputs[1]]
      } backward: { grads, _ in
        [grads[0]! * -1, grads[0]! * 2]
      }
      let cells = (0..<count).map { _ in ParameterCell(Tensor.ones([block / 4])) }
      var before = 0
      var most = 0
      var steps = 0
      for cell in cells {
        let optimizer = SGD([cell], lr: 0.5)
        cell.registerPostAccumulateGradHook { cell in
          most = max(most, CachingAllocator.host.statistics.active - before)
          optimizer.step()
          most = max(most, CachingAllocator.host.statistics.active - before)
          cell.grad = nil
          steps += 1
        }
      }
      var x = Tensor.zeros([block / 4])
      for cell in cells { x = layer([x, cell.tensor])[0] }
      let seed = Tensor.ones([block / 4])
      before = CachingAllocator.host.statistics.active
      x.backward(gradient: seed)
      guard steps == count, cells.allSatisfy({ $0.grad == nil && !$0.tensor.equal(.ones([block / 4])) }) else {
        exit(255)
      }
      exit(Int32((most + block - 1) / block))
    }
  }
}
