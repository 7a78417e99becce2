import Flameback
import Testing

@Suite struct StateDictTests {
  private func model() -> Sequential { Sequential(Linear(2, 3), BatchNorm1d(3)) }

  @Test func valuesTravel() throws {
    let (from, to) = (model(), model())
    try to.load(from.stateDict())
    for (key, tensor) in from.stateDict() {
      #expect(to.stateDict()[key]!.scalars(Double.self) == tensor.scalars(Double.self), "\(key)")
    }
    #expect(to.parameters().allSatisfy { $0.tensor.requiresGrad })
  }

  @Test func aStateDictIsASnapshot() {
    let layer = Linear(1, 1)
    let state = layer.stateDict()
    let before = state["weight"]!.itemDouble()
    layer.$weight.grad = Tensor.ones([1, 1])
    SGD(layer.parameters(), lr: 1).step()
    #expect(state["weight"]!.itemDouble() == before)
    #expect(layer.weight.itemDouble() == Double(Float(before) - 1))
  }

  @Test func mismatchesAreListedAndNothingChanges() {
    let target = model()
    let old = target.stateDict()
    var state = model().stateDict()
    state["0.weight"] = nil
    state["0.bias"] = Tensor.zeros([4])
    state["2.weight"] = Tensor.zeros([1])
    do {
      try target.load(state)
      Issue.record("must throw")
    } catch {
      let mismatch = error as! StateMismatch
      #expect(mismatch.missing == ["0.weight"])
      #expect(mismatch.unexpected == ["2.weight"])
      #expect(mismatch.misshapen.map(\.key) == ["0.bias"])
      #expect(
        mismatch.description == """
          [load] the state dict does not fit Sequential:
            missing: 0.weight
            unexpected: 2.weight
            another shape: 0.bias is [4] in the state dict, [3] in the module
          """)
    }
    #expect(target.stateDict()["1.weight"]!.scalars(Float.self) == old["1.weight"]!.scalars(Float.self))
    #expect(target.stateDict()["0.bias"]!.scalars(Float.self) == old["0.bias"]!.scalars(Float.self))
  }

  @Test func strictnessIsAnOptionSet() throws {
    let target = model()
    var state = model().stateDict()
    state["0.weight"] = nil
    state["extra"] = Tensor.zeros([1])
    #expect(throws: StateMismatch.self) { try target.load(state, options: .allowMissing) }
    let mismatch = try target.load(state, options: [.allowMissing, .allowUnexpected])
    #expect(mismatch.missing == ["0.weight"] && mismatch.unexpected == ["extra"])
    #expect(target.stateDict()["0.bias"]!.scalars(Float.self) == state["0.bias"]!.scalars(Float.self))
  }

  @Test func dtypesAreTheModulesUnlessAssigned() throws {
    let layer = Linear(1, 1)
    let state = Linear(1, 1).to(.float64).stateDict()
    try layer.load(state)
    #expect(layer.weight.dtype == .float32)
    try layer.load(state, options: .assign)
    #expect(layer.weight.dtype == .float64)
  }

  @Test func prefixesSelectParts() {
    let state = Sequential(Linear(1, 1), Sequential(Linear(1, 1))).stateDict()
    #expect(state.filtered("1").keys == ["0.weight", "0.bias"])
  }
}
