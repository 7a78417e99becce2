import Flameback
import FlamebackTesting
import Synchronization
import Testing

@Suite struct AutogradTests {
  private func leaf(_ values: [Double], _ shape: Shape? = nil) -> Tensor {
    Tensor(values, shape: shape ?? [values.count], requiresGrad: true)
  }

  @Test func gradientsAccumulateInLeaves() {
    let x = leaf([1, 2, 3])
    (x * x).sum().backward()
    #expect(x.grad!.scalars(Double.self) == [2, 4, 6])
    (x * 3).sum().backward()
    #expect(x.grad!.scalars(Double.self) == [5, 7, 9])
    x.grad = nil
    #expect(x.grad == nil)
  }

  @Test func aCopySharesTheGradientOfItsLeaf() {
    let x = leaf([2])
    let y = x
    (y * y).backward()
    #expect(x.grad!.scalars(Double.self) == [4])
  }

  @Test func secondBackwardNeedsRetainGraph() throws {
    let x = leaf([2])
    let y = x * x
    y.backward(retainGraph: true)
    y.backward()
    #expect(x.grad!.scalars(Double.self) == [8])
    let error = #expect(throws: OpError.self) { try withErrors { y.backward() } }
    #expect(error?.description.contains("retainGraph") == true)
  }

  @Test func gradientsOfGradients() {
    let x = leaf([0.5, 2])
    let first = grad(of: x.pow(3).sum(), wrt: x, createGraph: true)
    let second = grad(of: first.sum(), wrt: x, createGraph: true)
    let third = grad(of: second.sum(), wrt: x)
    #expect(first.scalars(Double.self) == [0.75, 12])
    #expect(second.scalars(Double.self) == [3, 12])
    #expect(third.scalars(Double.self) == [6, 6])
  }

  @Test func gradOfUnusedInputs() throws {
    let x = leaf([1])
    let y = leaf([1])
    let z = x * 2
    #expect(grad(of: [z], wrt: [x, y], retainGraph: true, allowUnused: true)[1] == nil)
    let zeros = grad(of: [z], wrt: [x, y], retainGraph: true, materializeGrads: true)[1]
    #expect(zeros?.scalars(Double.self) == [0])
    #expect(throws: OpError.self) { try withErrors { grad(of: [z], wrt: [x, y]) } }
  }

  @Test func gradWithRespectToAnInnerTensor() {
    let x = leaf([3])
    let y = x * x
    let z = y * y
    #expect(grad(of: z, wrt: y).scalars(Double.self) == [18])
    #expect(x.grad == nil)
  }

  @Test func scopesStopRecording() {
    let x = leaf([1])
    #expect(noGrad { (x * 2).requiresGrad } == false)
    #expect(noGrad { enableGrad { (x * 2).requiresGrad } })
    #expect(setGradEnabled(false) { (x * 2).requiresGrad } == false)
    #expect(inferenceMode { (x * 2).requiresGrad } == false)
    #expect((x * 2).detached().requiresGrad == false)
    #expect(x.isLeaf && !(x * 2).isLeaf)
  }

  @Test func hooksSeeAndChangeGradients() {
    let x = leaf([1, 2])
    let y = x * 2
    let seen = Mutex<[Double]>([])
    let handle = y.registerHook { g in
      seen.withLock { $0 = g.scalars(Double.self) }
      return g * 10
    }
    y.retainGrad()
    y.sum().backward(retainGraph: true)
    #expect(seen.withLock { $0 } == [1, 1])
    #expect(y.grad!.scalars(Double.self) == [10, 10])
    #expect(x.grad!.scalars(Double.self) == [20, 20])
    handle.remove()
    x.grad = nil
    y.sum().backward()
    #expect(x.grad!.scalars(Double.self) == [2, 2])
  }

  @Test func leafHooksRunOnceWithTheWholeGradient() {
    let x = leaf([1])
    let count = Atomic<Int>(0)
    x.registerHook { g in
      count.add(1, ordering: .relaxed)
      return g + 1
    }
    x.registerPostAccumulateGradHook { leaf in count.add(leaf.grad!.itemInt() * 100, ordering: .relaxed) }
    (x * 2 + x * 3).backward()
    #expect(x.grad!.itemDouble() == 6)
    #expect(count.load(ordering: .relaxed) == 601)
  }

  @Test func customFunctionsHaveTheirOwnGradient() throws {
    let cube = CustomFunction("cube") { inputs, context in
      context.saved = [inputs[0]]
      return [inputs[0] * inputs[0] * inputs[0]]
    } backward: { grads, context in
      [grads[0].map { $0 * 3 * context.saved[0] * context.saved[0] }]
    }
    try gradcheck({ cube([$0[0]]) }, [leaf([0.3, -1.2])])
    try gradgradcheck({ cube([$0[0]]) }, [leaf([0.3, -1.2])])
  }

  @Test func checkpointGivesTheSameGradients() {
    let (x, w) = (leaf([0.5, -1]), leaf([2, 3]))
    let body: @Sendable ([Tensor]) -> [Tensor] = { [($0[0] * w).tanh() * w] }
    body([x])[0].sum().backward()
    let expected = (x.grad!.scalars(Double.self), w.grad!.scalars(Double.self))
    x.grad = nil
    w.grad = nil
    checkpoint([x], body)[0].sum().backward()
    #expect(x.grad!.scalars(Double.self) == expected.0)
    #expect(w.grad!.scalars(Double.self) == expected.1)
  }

  @Test func anomalyModeNamesTheForwardOperation() {
    let error = #expect(throws: OpError.self) {
      try withErrors {
        detectAnomaly {
          let x = leaf([-1])
          (x.sqrt() * 0).backward()
        }
      }
    }
    #expect(error?.description.contains("'sqrt' returned NaN") == true)
  }

  @Test func aLongChainNeitherOverflowsBackwardNorOnRelease() {
    let x = leaf([1])
    var y = x
    for _ in 0..<100_000 { y = y + 1.0 }
    y.backward()
    #expect(x.grad!.itemDouble() == 1)
  }

  @Test func broadcastGradientsHaveTheInputsShapes() throws {
    try gradcheck({ [$0[0] * $0[1] + $0[2]] }, [leaf([1, 2, 3], [3, 1]), leaf([1, 2]), leaf([5], [])])
  }

  @Test func aGradientThatDoesNotExistIsAnError() {
    let error = #expect(throws: OpError.self) {
      try withErrors { leaf([1]).heaviside(leaf([2])).backward() }
    }
    #expect(error?.description.hasPrefix("[heaviside] has no gradient") == true)
  }

  @Test func backwardOfMoreThanOneElementNeedsAGradient() {
    let x = leaf([1, 2])
    #expect(throws: OpError.self) { try withErrors { (x * 2).backward() } }
    (x * 2).backward(gradient: Tensor([1.0, 10], shape: [2]))
    #expect(x.grad!.scalars(Double.self) == [2, 20])
  }

  @Test func errorsAreRecordedOnceAndPoisonSpreads() throws {
    let a = Tensor([1.0, 2], shape: [2])
    let error = #expect(throws: OpError.self) {
      try withErrors {
        let bad = a + Tensor([1.0, 2, 3], shape: [3])
        _ = (bad * 2).exp() + a
      }
    }
    #expect(error?.description == "[add] shapes do not broadcast: float64 [2] × float64 [3]")
    #expect(try withErrors { (a + a).scalars(Double.self) } == [2, 4])
  }
}
