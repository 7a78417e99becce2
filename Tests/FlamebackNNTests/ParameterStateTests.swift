import Flameback
import FlamebackCore
import Testing

/// What optimizers and scalers remember belongs to living objects, never to addresses.
@Suite struct ParameterStateTests {
  private static let optimizers: [(String, @Sendable ([ParameterCell]) -> Optimizer)] = [
    ("SGD", { SGD($0, lr: 1, momentum: 0.9) }), ("Adam", { Adam($0, lr: 1) }), ("AdamW", { AdamW($0, lr: 1) }),
    ("RMSprop", { RMSprop($0, lr: 1, momentum: 0.9) }), ("Adagrad", { Adagrad($0, lr: 1) }),
    ("Adadelta", { Adadelta($0) }), ("Adamax", { Adamax($0) }), ("NAdam", { NAdam($0) }), ("RAdam", { RAdam($0) }),
    ("Rprop", { Rprop($0) }), ("ASGD", { ASGD($0) }), ("Adafactor", { Adafactor($0) }),
  ]

  /// The step that a fresh parameter makes for a gradient of 1 in an optimizer of its own.
  private static func step(_ make: ([ParameterCell]) -> Optimizer, before: Bool) -> Double {
    var results: Set<Double> = []
    for _ in 0..<(before ? 20 : 1) {
      let kept = ParameterCell(Tensor([0.0]))
      let optimizer = make([kept])
      if before {
        var old: ParameterCell? = ParameterCell(Tensor([0.0]))
        optimizer.addGroup(ParameterGroup([old!]))
        for _ in 0..<5 {
          old!.grad = Tensor([100.0]).to(old!.dtype)
          optimizer.step()
        }
        optimizer.groups.removeLast()
        old = nil
      }
      let fresh = ParameterCell(Tensor([0.0]))  // most often where the old one was
      optimizer.addGroup(ParameterGroup([fresh]))
      fresh.grad = Tensor([1.0]).to(fresh.dtype)
      optimizer.step()
      results.insert(fresh.tensor.itemDouble())
    }
    return results.count == 1 ? results.first! : .nan
  }

  @Test(arguments: optimizers.indices) func aFreshParameterInheritsNothing(_ i: Int) {
    let (name, make) = Self.optimizers[i]
    #expect(Self.step(make, before: true) == Self.step(make, before: false), "\(name)")
  }

  @Test func stateGoesWithItsParameter() {
    let kept = ParameterCell(Tensor([0.0]))
    let optimizer = SGD([kept], lr: 1, momentum: 0.9)
    weak var state: ParameterState?
    do {
      let gone = ParameterCell(Tensor([0.0]))
      optimizer.addGroup(ParameterGroup([gone]))
      gone.grad = Tensor([1.0]).to(gone.dtype)
      optimizer.step()
      state = optimizer.state(of: gone)
      #expect(state != nil)
      optimizer.groups.removeLast()
    }
    optimizer.step()
    #expect(state == nil)
  }

  @Test func stateStaysWithAParameterThatComesBack() {
    let cell = ParameterCell(Tensor([0.0]))
    let other = ParameterCell(Tensor([0.0]))
    let optimizer = SGD([other], lr: 1, momentum: 0.5)
    optimizer.addGroup(ParameterGroup([cell]))
    cell.grad = Tensor([1.0]).to(cell.dtype)
    optimizer.step()
    let group = optimizer.groups.removeLast()
    optimizer.step()
    optimizer.groups.append(group)
    optimizer.step()
    #expect(cell.tensor.itemDouble() == -2.5)  // −1, then −(0.5 + 1)
  }

  @Test func lbfgsForgetsTheHistoryOfOtherParameters() {
    func minimum(_ start: Double, _ optimizer: LBFGS, _ cell: ParameterCell) -> Double {
      for _ in 0..<3 {
        optimizer.step {
          optimizer.zeroGrad()
          let loss = (cell.tensor - start).square().sum()
          loss.backward()
          return loss
        }
      }
      return cell.tensor.itemDouble()
    }
    let first = ParameterCell(Tensor([0.0]))
    let optimizer = LBFGS([first])
    #expect(abs(minimum(3, optimizer, first) - 3) < 1e-4)
    let second = ParameterCell(Tensor([0.0, 0.0]))
    optimizer.groups.removeAll()
    optimizer.addGroup(ParameterGroup([second]))
    optimizer.step {
      optimizer.zeroGrad()
      let loss = (second.tensor - 2).square().sum()
      loss.backward()
      return loss
    }
    #expect(second.tensor.scalars(Double.self).allSatisfy { abs($0 - 2) < 1e-3 })
  }

  @Test func aScalerKnowsLivingOptimizersOnly() throws {
    let scaler = GradScaler(initScale: 4)
    for _ in 0..<20 {
      let cell = ParameterCell(Tensor([0.0]))
      let optimizer = SGD([cell], lr: 1)
      cell.grad = Tensor([4.0]).to(cell.dtype)
      try withErrors { scaler.unscale(optimizer) }  // an error if a dead one's address counted
      #expect(cell.grad?.itemDouble() == 1)
    }
  }

  @Test func aScalerActsOnEachOptimizerByItself() throws {
    let scaler = GradScaler(initScale: 2, growthFactor: 3, backoffFactor: 0.25, growthInterval: 7)
    let (a, b) = (ParameterCell(Tensor([0.0])), ParameterCell(Tensor([0.0])))
    let (first, second) = (SGD([a], lr: 1), SGD([b], lr: 1))
    a.grad = Tensor([Double.infinity]).to(a.dtype)
    b.grad = Tensor([2.0]).to(b.dtype)
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    #expect(a.tensor.itemDouble() == 0 && b.tensor.itemDouble() == -1 && scaler.scale == 0.5)
    let copy = GradScaler()
    try copy.load(scaler.stateDict())
    guard case .dict(let saved) = copy.stateDict() else { return }
    #expect(saved["growth_factor"]?.double == 3 && saved["backoff_factor"]?.double == 0.25)
    #expect(saved["growth_interval"]?.int == 7 && saved["scale"]?.double == 0.5)
  }

  @Test func stateOfAnotherShapeIsRefused() throws {
    for (name, make) in Self.optimizers {
      let cell = ParameterCell(Tensor.zeros(2, 3))
      let optimizer = make([cell])
      cell.grad = Tensor.ones(2, 3)
      optimizer.step()
      let saved = optimizer.stateDict()
      try optimizer.load(saved)
      let other = make([ParameterCell(Tensor.zeros(4, 5))])
      #expect(throws: StateError.self, "\(name)") { try other.load(saved) }
    }
  }

  @Test func optionsOfAnotherKindAreRefused() throws {
    let optimizer = Adam(Linear(2, 2).parameters())
    guard case .dict(var saved) = optimizer.stateDict(), let groups = saved["param_groups"]?.elements,
      case .dict(let group) = groups[0]
    else { return }
    for (name, value) in [
      ("lr", StateValue.string("fast")), ("betas", .double(0.9)), ("betas", .tuple([.double(0.9)])), ("eps", .none),
      ("lr", .double(-1)), ("betas", .tuple([.double(2), .double(0.9)])),
    ] {
      var wrong = group
      wrong[name] = value
      saved["param_groups"] = .list([.dict(wrong)])
      #expect(throws: StateError.self, "\(name)") { try optimizer.load(.dict(saved)) }
    }
  }

  @Test func clippingThatFailsChangesNothing() {
    let cells = [ParameterCell(Tensor([1.0])), ParameterCell(Tensor([1.0, 2.0]))]
    cells[0].grad = Tensor([3.0]).to(cells[0].dtype)
    cells[1].grad = Tensor([Double.infinity, 1]).to(cells[1].dtype)
    #expect(throws: (any Error).self) {
      try withErrors { _ = clipGradNorm(cells, maxNorm: 1, errorIfNonfinite: true) }
    }
    #expect(cells[0].grad?.scalars(Double.self) == [3])
    #expect(cells[1].grad?.scalars(Double.self) == [.infinity, 1])
  }
}

/// What `compile` tells of itself.
@Suite struct CompileLogTests {
  @Test func beyondTheLimitTheLogStaysAsItIs() {
    let compiled = compile { [$0[0] + 1.0] }
    compiled.limit = 3
    for n in 1...20 { #expect(compiled([Tensor.ones(n)])[0].sum().itemDouble() == 2 * Double(n)) }
    let log = compiled.log
    #expect(log.count { $0.hasPrefix("recorded") } == 3)
    #expect(log.count { $0.hasPrefix("no more graphs") } == 1)
    for n in 1...20 { _ = compiled([Tensor.ones(n)]) }
    #expect(compiled.log == log)
    compiled.limit = 4
    _ = compiled([Tensor.ones(30)])
    #expect(compiled.log.count == log.count + 1)
  }
}
