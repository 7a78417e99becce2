import Flameback
import FlamebackCore
import FlamebackKernels
import Testing

/// Linear layers without gradients keep their weights packed: what they compute must follow the weights.
@Suite struct PackedWeightTests {
  /// What the model computes where nothing may be packed.
  private func plain(_ model: Linear, _ x: Tensor) -> Tensor {
    noGrad { keepingPackedWeights(false) { model(x) } }
  }

  private func isSame(_ a: Tensor, _ b: Tensor) -> Bool { a.allClose(b, rtol: 1e-4, atol: 1e-4) }

  @Test(arguments: [1, 2, 7, 50, 300]) func givesTheSame(rows: Int) {
    let model = Linear(130, 75)
    let x = Tensor.randn([rows, 130])
    let expected = plain(model, x)
    let first = noGrad { model(x) }
    #expect(isSame(first, expected))
    #expect(noGrad { model(x) }.equal(first))
    #expect(inferenceMode { model(x) }.equal(first))
    let batched = noGrad { model(x.reshape([rows, 1, 130])) }
    #expect(batched.reshape([rows, 75]).equal(first))
  }

  @Test func isDoneWhereNoGradientIsRecorded() {
    nonisolated(unsafe) let model = Linear(64, 64)
    let x = Tensor.randn([8, 64])
    _ = model(x)
    #expect(model.weight.body.storage.forms?.count == 0)
    _ = noGrad { keepingPackedWeights(false) { model(x) } }
    #expect(model.weight.body.storage.forms?.count == 0)
    _ = noGrad { model(x) }
    #expect(model.weight.body.storage.forms?.count == 1)
    model(x).sum().backward()
    #expect(model.weight.body.storage.forms?.count == 1, "backward reads it as it lies")
    _ = checkpoint([x]) { [model($0[0])] }
    #expect(x.body.storage.forms == nil, "an activation is no weight")
  }

  /// Every way to change a weight.
  @Test func followsTheWeight() throws {
    let model = Linear(96, 48)
    let x = Tensor.randn([16, 96])
    func check(_ what: Comment) {
      let result = noGrad { model(x) }
      #expect(isSame(result, plain(model, x)), what)
    }
    check("at first")
    for optimizer in [SGD(model.parameters(), lr: 0.5), Adam(model.parameters(), lr: 0.1)] as [Optimizer] {
      for _ in 0..<2 {
        optimizer.zeroGrad()
        model(x).square().mean().backward()
        optimizer.step()
        check("after a step")
      }
    }
    noGrad {
      model.weight[3] = Tensor.ones([96])
      check("after an assignment to a row")
      model.weight *= 2
      check("after a product")
      model.weight += Tensor.randn([48, 96])
      check("after a sum")
    }
    let other = Linear(96, 48)
    try model.load(other.stateDict())
    check("after loading")
    #expect(isSame(noGrad { model(x) }, noGrad { other(x) }))
    let rows = model.weight.detached()
    model.weight = rows[..<24].repeat([2, 1])
    check("after a new value")
  }

  @Test func partsOfOneMemoryAreApart() {
    let both = Tensor.randn([2, 40, 64])
    let (a, b) = (ParameterCell(both[0]), ParameterCell(both[1]))
    let x = Tensor.randn([5, 64])
    for _ in 0..<2 {
      noGrad {
        #expect(isSame(x.linear(a.tensor), x.matmul(both[0].clone().t())))
        #expect(isSame(x.linear(b.tensor), x.matmul(both[1].clone().t())))
        #expect(isSame(x[0..., ..<40].matmul(a.tensor), x[0..., ..<40].matmul(both[0].clone())), "read the other way")
      }
    }
  }

  @Test func bothWaysToReadASquareMatrix() {
    let cell = ParameterCell(Tensor.randn([48, 48]))
    let (x, w) = (Tensor.randn([5, 48]), cell.tensor.detached().clone())
    for _ in 0..<2 {
      noGrad {
        #expect(isSame(x.matmul(cell.tensor), x.matmul(w)))
        #expect(isSame(x.matmul(cell.tensor.t()), x.matmul(w.t())))
      }
    }
  }

  @Test(arguments: [DType.float16, .bfloat16, .float64]) func otherTypes(_ dtype: DType) {
    let model = Linear(80, 33)
    let x = Tensor.randn([6, 80])
    let expected = plain(model, x)
    model.to(dtype)
    let tolerance = dtype == .bfloat16 ? 0.1 : dtype == .float16 ? 0.02 : 1e-5
    for _ in 0..<2 {
      let result = noGrad { model(x.to(dtype)) }
      #expect(result.dtype == dtype && result.to(.float32).allClose(expected, rtol: 0, atol: tolerance))
    }
  }

  /// Memory of the caller's may change behind our back.
  @Test func foreignMemoryIsReadAnew() {
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: 64 * 32)
    memory.initialize(repeating: 1)
    let address = UInt(bitPattern: memory.baseAddress!)
    let weight = Tensor(foreign: UnsafeMutableRawPointer(memory.baseAddress!), shape: [32, 64], dtype: .float32) {
      UnsafeMutableRawPointer(bitPattern: address)!.deallocate()
    }
    let model = Linear(64, 32, bias: false)
    model.weight = weight
    let x = Tensor.ones([4, 64])
    noGrad {
      #expect(model(x).equal(Tensor.full([4, 32], 64.0)))
      memory.update(repeating: 2)
      #expect(model(x).equal(Tensor.full([4, 32], 128.0)))
    }
  }

  @Test func recurrentNetworksToo() {
    let model = LSTM(10, 20, numLayers: 2)
    for batch in [1, 2, 3, 8, 9] {
      let x = Tensor.randn([6, batch, 10])
      let expected = model(x).output.detached()
      for _ in 0..<2 { #expect(isSame(noGrad { model(x).output }, expected)) }
    }
    let (x, optimizer) = (Tensor.randn([6, 3, 10]), SGD(model.parameters(), lr: 0.5))
    model(x).output.sum().backward()
    optimizer.step()
    #expect(isSame(noGrad { model(x).output }, model(x).output))
  }

  @Test func manyTasksAskAtOnce() async {
    nonisolated(unsafe) let model = Linear(256, 256)
    let x = Tensor.randn([9, 256])
    let expected = plain(model, x)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<16 { group.addTask { noGrad { model(x) }.allClose(expected, rtol: 1e-4, atol: 1e-4) } }
      for await isRight in group { #expect(isRight) }
    }
    #expect(model.weight.body.storage.forms?.count == 1)
  }
}
