import Flameback
import FlamebackCore
import FlamebackKernels
import FlamebackReference
import Foundation
import Testing

/// Parameters in one buffer behave as others do, and whoever holds an older value keeps it.
@Suite struct FlatParametersTests {
  private func model(_ seed: UInt64 = 5) -> Sequential {
    withGenerator(Generator(seed: seed)) { Sequential(Linear(3, 5), Tanh(), Linear(5, 7), Tanh(), Linear(7, 2)) }
  }

  private func train(_ model: Module, _ optimizer: Optimizer, steps: Int = 4, clip: Bool = true) {
    let x = Tensor.arange(0, 12).to(.float32).reshape([4, 3]) / 6
    for _ in 0..<steps {
      optimizer.zeroGrad()
      (model as! Sequential)(x).square().sum().backward()
      if clip { clipGradNorm(model.parameters(), maxNorm: 0.5) }
      optimizer.step()
    }
  }

  @Test func layout() {
    let model = model()
    let before = model.stateDict()
    let flat = FlatParameters(model.parameters())
    #expect(flat.groups.count == 1)
    let group = flat.groups[0]
    #expect(group.ranges == [0..<15, 16..<21, 32..<67, 80..<87, 96..<110, 112..<114] && group.elementCount == 128)
    let values = group.values
    #expect(values.shape == [128] && values.dtype == .float32)
    for (range, cell) in zip(group.ranges, group.parameters) {
      #expect(values[range.lowerBound..<range.upperBound].view(cell.shape).equal(cell.tensor))
    }
    #expect(values[15..<16].equal(.zeros([1])) && values[114..<128].equal(.zeros([14])))
    for (key, tensor) in before { #expect(model.stateDict()[key]!.equal(tensor)) }
    #expect(group.gradients.equal(.zeros([128])) && model.parameters().allSatisfy { $0.grad == nil })
  }

  @Test func dtypesHaveBuffersOfTheirOwnAndTiedWeightsOnePlace() {
    let (a, b) = (ParameterCell(.ones([3])), ParameterCell(.ones([2], dtype: .float64)))
    let flat = FlatParameters([a, b, a])
    #expect(flat.groups.map(\.dtype) == [.float32, .float64] && flat.groups.map(\.parameters.count) == [1, 1])
    #expect(flat.parameters.count == 2)
    let layer = Linear(4, 4)
    let tied = Linear(4, 4)
    tied.$weight = layer.$weight
    let both = Sequential(layer, tied)
    let group = FlatParameters(both.parameters()).groups[0]
    group.updateValues { $0 = $0 * 0 + 2 }
    #expect(tied.weight.equal(.full([4, 4], 2.0)) && tied.$weight === layer.$weight)
  }

  /// The same training, bit for bit, with every optimizer; values and gradients end in the buffers.
  @Test func trainsAsBefore() {
    let optimizers: [([ParameterCell]) -> Optimizer] = [
      { AdamW($0, lr: 0.05) }, { Adam($0, lr: 0.05, amsgrad: true) }, { SGD($0, lr: 0.1, momentum: 0.9) },
      { RMSprop($0, lr: 0.01) }, { Adagrad($0, lr: 0.1) }, { NAdam($0, lr: 0.01) }, { Rprop($0) },
      { Adafactor($0, lr: 0.01) },
    ]
    for make in optimizers {
      let (usual, other) = (model(), model())
      let group = FlatParameters(other.parameters()).groups[0]
      train(usual, make(usual.parameters()))
      train(other, make(other.parameters()))
      let (values, gradients) = (group.values, group.gradients)
      for (i, (a, b)) in zip(usual.parameters(), other.parameters()).enumerated() {
        let range = group.ranges[i].lowerBound..<group.ranges[i].upperBound
        #expect(a.tensor.equal(b.tensor) && a.grad!.equal(b.grad!))
        #expect(values[range].view(a.shape).equal(a.tensor) && gradients[range].view(a.shape).equal(a.grad!))
      }
    }
  }

  @Test func olderValuesStay() {
    let model = model()
    let group = FlatParameters(model.parameters()).groups[0]
    let optimizer = AdamW(model.parameters(), lr: 0.1)
    train(model, optimizer, steps: 1)
    let (state, flat, weight) = (model.stateDict(), group.values, (model[0] as! Linear).weight)
    let row = (model[0] as! Linear).weight.detached()[1]
    let gradients = group.gradients
    let kept = (flat.clone(), weight.detached().clone(), gradients.clone(), row.clone())
    let copies = StateDict(state.map { ($0.key, $0.tensor.clone()) })
    train(model, optimizer, steps: 3)
    group.updateValues { $0 += 1 }
    group.updateGradients { $0 *= 3 }
    #expect(flat.equal(kept.0) && weight.detached().equal(kept.1) && gradients.equal(kept.2) && row.equal(kept.3))
    for (key, tensor) in copies { #expect(state[key]!.equal(tensor)) }
    #expect(!group.values.equal(flat))
    // And a plain model with the same history has the same values.
    let plain = self.model()
    train(plain, AdamW(plain.parameters(), lr: 0.1), steps: 4)
    for (a, b) in zip(plain.parameters(), model.parameters()) { #expect((a.tensor + 1).equal(b.tensor)) }
  }

  @Test func wholeBuffersChangeAtOnce() {
    let model = model()
    let group = FlatParameters(model.parameters()).groups[0]
    let x = Tensor.ones([1, 3])
    let before = noGrad { model(x) }
    train(model, SGD(model.parameters(), lr: 0), steps: 1, clip: false)
    let gradient = model.parameters()[0].grad!.clone()
    model.parameters()[1].grad = nil
    group.updateGradients { gradients in
      #expect(gradients[16..<21].equal(.zeros([5])))
      gradients *= 2
      gradients += 1
    }
    #expect(model.parameters()[0].grad!.equal(gradient * 2 + 1) && model.parameters()[1].grad == nil)
    group.updateValues { $0 = .zeros([128]) }
    #expect(noGrad { model(x) }.equal(.zeros([1, 2])) && !before.equal(.zeros([1, 2])))
    var kept: [Tensor] = []
    group.updateValues {
      kept.append($0)
      $0 += 1
      kept.append($0)
      $0 += 1
    }
    #expect(kept[0].equal(.zeros([128])) && kept[1].equal(.ones([128])) && group.values.equal(.full([128], 2.0)))
    group.updateGradients {
      $0 = .zeros([128])
      kept.append($0)
    }
    group.updateGradients { $0 += 1 }
    #expect(kept[2].equal(.zeros([128])) && model.parameters()[0].grad!.equal(.ones([5, 3])))
    group.updateValues { $0 = .zeros([128]) }
    #expect(throws: OpError.self) { try withErrors { group.updateValues { $0 = .zeros([3]) } } }
    #expect(model.parameters()[0].tensor.equal(.zeros([5, 3])))
  }

  @Test func loadFreezeAndConvert() throws {
    let (model, other) = (model(), model(8))
    let group = FlatParameters(model.parameters()).groups[0]
    try model.load(other.stateDict())
    #expect(group.values[0..<15].view([5, 3]).equal((other[0] as! Linear).weight))
    try model.load(other.stateDict(), options: .assign)
    group.updateValues { $0 += 1 }
    #expect((model[0] as! Linear).weight.equal((other[0] as! Linear).weight + 1))
    model.requiresGrad(false)
    #expect(!model(.ones([1, 3])).requiresGrad)
    model.requiresGrad()
    model(.ones([1, 3])).sum().backward()
    #expect(group.gradients[112..<114].equal(.ones([2])))
    model.zeroGrad(setToNone: false)
    #expect(group.gradients.equal(.zeros([128])) && model.parameters()[5].grad!.equal(.zeros([2])))
    model.double()
    let error = #expect(throws: OpError.self) { try withErrors { _ = group.values } }
    #expect(error?.description.contains("make it flat again") == true)
    #expect(FlatParameters(model.parameters()).groups[0].values.dtype == .float64)
    #expect(throws: OpError.self) { try withErrors { _ = FlatParameters([]) } }
  }

  @Test func hooksAndSparseGradients() {
    let table = Embedding(6, 2, sparse: true)
    let layer = Linear(2, 1)
    let cells = table.parameters() + layer.parameters()
    let group = FlatParameters(cells).groups[0]
    var seen = 0
    layer.$weight.registerPostAccumulateGradHook { cell in
      seen += 1
      #expect(cell.grad!.shape == [1, 2])
    }
    for _ in 0..<2 { layer(table(Tensor([1, 4, 1], shape: [3]))).sum().backward() }
    #expect(seen == 2)
    let expected = layer.weight.detached().reshape([2])
    #expect(table.$weight.sparseGrad != nil)
    let gradients = group.gradients
    #expect(gradients[2..<4].allClose(expected * 4) && gradients[8..<10].allClose(expected * 2))
    #expect(gradients[0..<2].equal(.zeros([2])))
  }

  @Test func withoutGradients() {
    let model = model()
    let group = FlatParameters(model.parameters(), includesGradients: false).groups[0]
    train(model, SGD(model.parameters(), lr: 0.1))
    #expect(group.values[0..<15].view([5, 3]).equal(model.parameters()[0].tensor))
    #expect(throws: OpError.self) { try withErrors { _ = group.gradients } }
  }

  @Test func compiledModelsReadTheBuffers() {
    let (usual, other) = (model(), model())
    _ = FlatParameters(other.parameters())
    let fast = compile(other)
    let (a, b) = (AdamW(usual.parameters(), lr: 0.05), AdamW(other.parameters(), lr: 0.05))
    let x = Tensor.ones([2, 3])
    for _ in 0..<3 {
      a.zeroGrad()
      b.zeroGrad()
      usual(x).square().sum().backward()
      fast(x).square().sum().backward()
      a.step()
      b.step()
      #expect(noGrad { usual(x).allClose(fast(x)) })
    }
  }

  @Test func manyTasksAccumulateIntoOneBuffer() async {
    let cells = (0..<6).map { ParameterCell(Tensor.ones([17 + $0])) }
    let group = FlatParameters(cells).groups[0]
    let leaves = cells.map(\.tensor)
    await withTaskGroup(of: Void.self) { tasks in
      for task in 1...12 {
        tasks.addTask {
          for _ in 0..<20 {
            backward(leaves.map { ($0 * Double(task)).sum() })
          }
        }
      }
    }
    let gradients = group.gradients
    for range in group.ranges {
      #expect(gradients[range.lowerBound..<range.upperBound].equal(.full([range.count], .float(20 * 78))))
    }
    for (cell, range) in zip(cells, group.ranges) {
      #expect(cell.grad!.hostView.pointer == gradients.hostView.pointer + range.lowerBound * 4)
    }
  }

  /// On a device whose updates are not in place the values are brought back into the buffer when it is asked for.
  @Test func onAnotherDevice() throws {
    Backends.shared.register(ReferenceBackend(.reference(701), isStrict: true))
    let (usual, other) = (model(), model().to(.reference(701)))
    let group = FlatParameters(other.parameters()).groups[0]
    let x = Tensor.ones([2, 3])
    let (a, b) = (AdamW(usual.parameters(), lr: 0.05), AdamW(other.parameters(), lr: 0.05))
    for _ in 0..<3 {
      a.zeroGrad()
      b.zeroGrad()
      usual(x).square().sum().backward()
      other(x.to(.reference(701))).square().sum().backward()
      a.step()
      b.step()
      group.updateGradients { $0 = $0 * 2 }
    }
    #expect(group.device == .reference(701) && group.values.device == .reference(701))
    for (i, cell) in usual.parameters().enumerated() {
      let range = group.ranges[i].lowerBound..<group.ranges[i].upperBound
      #expect(group.values[range].cpu().view(cell.shape).allClose(cell.tensor, rtol: 1e-5, atol: 1e-6))
      #expect(group.gradients[range].cpu().view(cell.shape).allClose(cell.grad! * 2, rtol: 1e-4, atol: 1e-5))
    }
  }

  /// The process has the counters to itself: a step of the optimizer copies nothing and takes no memory, backward copies
  /// each gradient once, to where it lies, or not at all where zeros await it.
  @Test func stepsCopyNothing() async {
    await #expect(processExitsWith: .exitCode(0)) {
      setNumThreads(1)
      let model = Sequential(Linear(64, 128), ReLU(), Linear(128, 10))
      let group = FlatParameters(model.parameters()).groups[0]
      let optimizer = AdamW(model.parameters())
      let bytes = model.parameterCount * 4
      let (x, y) = (Tensor.randn([32, 64]), Tensor.randint(0, 10, [32]))
      for step in 0..<6 {
        let keepsMemory = step >= 4
        optimizer.zeroGrad(setToNone: !keepsMemory)
        let loss = model(x).crossEntropy(y)
        let beforeBackward = CopiedBytes.total
        loss.backward()
        clipGradNorm(model.parameters(), maxNorm: 1)
        if CopiedBytes.total - beforeBackward != (keepsMemory ? 0 : bytes) { exit(1) }
        let (copied, memory) = (CopiedBytes.total, CachingAllocator.host.statistics.allocations)
        optimizer.step()
        if CopiedBytes.total != copied { exit(2) }
        if step > 0, CachingAllocator.host.statistics.allocations != memory { exit(3) }
        group.updateGradients { $0 *= 0.5 }
        group.updateValues { $0 *= 0.999 }
        if CopiedBytes.total != copied { exit(4) }
      }
      // A value that is held costs a copy of that parameter, and one more to move back when it is released.
      let weight = 128 * 64 * 4
      func step() -> Int {
        let before = CopiedBytes.total
        optimizer.step()
        return CopiedBytes.total - before
      }
      var held: Tensor? = model.parameters()[0].tensor
      if step() != weight || step() != 0 { exit(5) }
      withExtendedLifetime(held) {}
      held = nil
      if step() != weight || step() != 0 { exit(6) }
      exit(0)
    }
  }
}
