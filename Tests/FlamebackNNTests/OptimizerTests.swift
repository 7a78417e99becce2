import Flameback
import Testing

@Suite struct OptimizerTests {
  private func cell(_ values: [Float]) -> ParameterCell { ParameterCell(Tensor(values, shape: [values.count])) }

  private func optimizers(_ cells: [ParameterCell]) -> [Optimizer] {
    [
      SGD(cells, lr: 0.1, momentum: 0.9, nesterov: true), Adam(cells, lr: 0.1, amsgrad: true), AdamW(cells, lr: 0.1),
      Adagrad(cells, lr: 0.5), RMSprop(cells, lr: 0.05, momentum: 0.5, centered: true), Adadelta(cells, lr: 5),
      Adamax(cells, lr: 0.1), NAdam(cells, lr: 0.1), RAdam(cells, lr: 0.1), ASGD(cells, lr: 0.1), Rprop(cells),
      Adafactor(cells, lr: 0.1),
    ]
  }

  /// A bowl whose bottom is at 1, -2.
  private func loss(_ x: ParameterCell) -> Tensor {
    (x.tensor - Tensor([Float(1), -2], shape: [2])).square().sum()
  }

  @Test func everyRuleGoesDownhill() {
    for i in optimizers([cell([0, 0])]).indices {
      let x = cell([3, 3])
      let optimizer = optimizers([x])[i]
      let before = loss(x).itemDouble()
      for _ in 0..<60 {
        optimizer.zeroGrad()
        loss(x).backward()
        optimizer.step()
      }
      #expect(loss(x).itemDouble() < before * 0.6, "\(type(of: optimizer))")
    }
  }

  /// `amsgrad` has no kernel, and is Adam as long as the squares grow.
  @Test(arguments: [DType.float32, .float64]) func adamsKernelComputesWhatItsRuleSays(dtype: DType) {
    for (decay, decoupled, maximize) in [(0.0, false, false), (0.1, false, true), (0.1, true, false)] {
      let start = Tensor((0..<37).map { Float($0) / 7 - 2 }, shape: [37]).to(dtype)
      let cells = [false, true].map { _ in ParameterCell(start.clone()) }
      let optimizers = zip(cells, [false, true]).map { cell, amsgrad in
        Adam(
          [cell], lr: 0.01, betas: (0.8, 0.99), weightDecay: decay, amsgrad: amsgrad, maximize: maximize,
          decoupledWeightDecay: decoupled)
      }
      for step in 1...4 {
        for (cell, optimizer) in zip(cells, optimizers) {
          cell.grad = Tensor((0..<37).map { (Float(($0 * 11) % 37) - 18.5) * Float(step) }, shape: [37]).to(dtype)
          optimizer.step()
        }
      }
      let difference = (cells[0].tensor - cells[1].tensor).abs().max().itemDouble()
      #expect(difference < (dtype == .float64 ? 1e-14 : 2e-6))
      #expect((cells[0].tensor - start).abs().min().itemDouble() > 1e-3)
    }
  }

  /// Against the formulas in Double; halves have no kernel.
  @Test(arguments: [DType.float32, .float64, .bfloat16]) func gradientDescentComputesItsFormula(dtype: DType) {
    for (momentum, dampening, decay, nesterov, maximize) in [
      (0.0, 0.0, 0.0, false, false), (0, 0, 0.1, false, true), (0.9, 0, 0, false, false), (0.9, 0.5, 0.1, false, true),
      (0.8, 0, 0.1, true, false),
    ] {
      let count = 37
      var p = (0..<count).map { Double($0) / 8 - 2 }
      var v = [Double](repeating: 0, count: count)
      let x = ParameterCell(Tensor(p, shape: [count]).to(dtype))
      let optimizer = SGD(
        [x], lr: 0.125, momentum: momentum, dampening: dampening, weightDecay: decay, nesterov: nesterov,
        maximize: maximize)
      for step in 1...3 {
        let gradient = (0..<count).map { Double(($0 * 11) % 37 - 18) / 16 * Double(step) }
        x.grad = Tensor(gradient, shape: [count]).to(dtype)
        optimizer.step()
        for i in 0..<count {
          let g = (maximize ? -1 : 1) * gradient[i] + decay * p[i]
          v[i] = momentum * v[i] + (step == 1 ? 1 : 1 - dampening) * g
          p[i] -= 0.125 * (momentum == 0 ? g : nesterov ? g + momentum * v[i] : v[i])
        }
      }
      let difference = (x.tensor.detached().to(.float64) - Tensor(p, shape: [count])).abs().max().itemDouble()
      #expect(difference < (dtype == .float64 ? 1e-13 : dtype == .float32 ? 1e-5 : 0.1), "\(momentum) \(nesterov)")
    }
  }

  /// All parameters of a step are one long array to the kernel: each gets what it gets alone.
  @Test(arguments: [true, false]) func parametersAreUpdatedTogether(isAdam: Bool) {
    func make(_ cells: [[ParameterCell]]) -> Optimizer {
      let groups = cells.enumerated().map { ParameterGroup($1, lr: $0 == 0 ? 0.1 : 0.01) }
      return isAdam ? Adam(groups) : SGD(groups, momentum: 0.9)
    }
    let sizes = [[1, 3, 16384, 5, 0, 40000], [7, 16383, 2]]
    let start = sizes.map { $0.map { Tensor.randn([$0]) } }
    let together = start.map { $0.map { ParameterCell($0.clone()) } }
    let alone = start.map { $0.map { ParameterCell($0.clone()) } }
    together[1][2].tensor = start[1][2].to(.float64)
    alone[1][2].tensor = start[1][2].to(.float64)
    let held = together[0][1].tensor.detached()
    let one = make(together)
    let others = alone.enumerated().map { g, cells in
      cells.map { cell in g == 0 ? make([[cell]]) : make([[ParameterCell(.zeros([1]))], [cell]]) }
    }
    for _ in 0..<3 {
      for g in sizes.indices {
        for i in sizes[g].indices where !(g == 0 && i == 3) {  // one has no gradient
          let gradient = Tensor.randn([sizes[g][i]]).to(together[g][i].dtype)
          together[g][i].grad = gradient
          alone[g][i].grad = gradient
        }
      }
      one.step()
      for optimizer in others.joined() { optimizer.step() }
      for (a, b) in zip(together.joined(), alone.joined()) { #expect(a.tensor.equal(b.tensor)) }
    }
    #expect(held.equal(start[0][1]), "what others hold stays")
    #expect(together[0][3].tensor.equal(start[0][3]) && !together[0][2].tensor.equal(start[0][2]))
  }

  @Test func aRestoredStateGoesOnBitForBit() throws {
    for i in optimizers([cell([0, 0])]).indices {
      let (x, y) = (cell([3, 3]), cell([3, 3]))
      let (first, second) = (optimizers([x])[i], optimizers([y])[i])
      func step(_ optimizer: Optimizer, _ x: ParameterCell) {
        optimizer.zeroGrad()
        loss(x).backward()
        optimizer.step()
      }
      for _ in 0..<5 { step(first, x) }
      y.tensor = x.tensor.detached()
      try second.load(first.stateDict())
      for _ in 0..<5 {
        step(first, x)
        step(second, y)
      }
      #expect(x.tensor.scalars(Float.self) == y.tensor.scalars(Float.self), "\(type(of: first))")
    }
  }

  @Test func updatesStayInPlaceAndNeverChangeCopies() {
    let x = cell([1, 2, 3])
    x.grad = Tensor.ones([3])
    let optimizer = SGD([x], lr: 1)
    let copy = x.tensor.detached()
    optimizer.step()
    #expect(copy.scalars(Float.self) == [1, 2, 3])
    #expect(x.tensor.scalars(Float.self) == [0, 1, 2])
    let address = x.tensor.withHostBytes { $0.baseAddress }
    optimizer.step()
    let after = x.tensor.withHostBytes { $0.baseAddress }
    #expect(after == address, "memory that nobody shares is written in place")
    #expect(x.tensor.scalars(Float.self) == [-1, 0, 1])
  }

  @Test func groupsHaveOptionsOfTheirOwn() {
    let (x, y) = (cell([0]), cell([0]))
    x.grad = Tensor.ones([1])
    y.grad = Tensor.ones([1])
    let optimizer = SGD([ParameterGroup([x]), ParameterGroup([y], lr: 2)], lr: 1)
    optimizer.step()
    #expect(x.tensor.scalars(Float.self) == [-1] && y.tensor.scalars(Float.self) == [-2])
    optimizer.groups[0].lr = 0
    optimizer.groups[1][.weightDecay] = 0.5
    optimizer.step()
    #expect(x.tensor.scalars(Float.self) == [-1] && y.tensor.scalars(Float.self) == [-2])
  }

  @Test func wrongOptionsAreErrors() {
    let mistakes: [(String, () -> Void)] = [
      ("invalid learning rate: -1.0", { _ = SGD([cell([0])], lr: -1) }),
      ("invalid learning rate: nan", { _ = Adam([cell([0])], lr: .nan) }),
      ("invalid learning rate: inf", { _ = Adam([cell([0])], lr: .infinity) }),
      ("invalid beta parameter at index 0: 1.0", { _ = Adam([cell([0])], betas: (1, 0.9)) }),
      ("Nesterov momentum requires a momentum and zero dampening", { _ = SGD([cell([0])], nesterov: true) }),
      ("got no parameters", { _ = SGD([ParameterCell]()) }),
    ]
    for (message, body) in mistakes {
      let error = #expect(throws: OpError.self) { try withErrors(body) }
      #expect(error?.message == message)
    }
    let x = cell([0])
    let error = #expect(throws: OpError.self) { try withErrors { _ = SGD([x, x]) } }
    #expect(error?.message == "a parameter appears more than once, or in more than one group")
  }

  @Test func savedStatesThatDoNotFitAreRefused() {
    let optimizer = Adam([cell([0])])
    #expect(throws: StateError.self) { try optimizer.load(.none) }
    #expect(throws: StateError.self) { try optimizer.load(Adam([cell([0]), cell([0])]).stateDict()) }
  }

  @Test func schedulersChangeTheRatesOfTheGroups() throws {
    let optimizer = SGD([cell([0])], lr: 1)
    let scheduler = SequentialLR(
      optimizer,
      schedulers: [LinearLR(optimizer, startFactor: 0.5, totalIters: 2), ExponentialLR(optimizer, gamma: 0.5)],
      milestones: [2])
    var rates = [optimizer.groups[0].lr]
    for _ in 0..<4 {
      scheduler.step()
      rates.append(optimizer.groups[0].lr)
    }
    #expect(rates == [0.5, 0.75, 1, 0.5, 0.25])
    let plateau = ReduceLROnPlateau(optimizer, factor: 0.1, patience: 1)
    for _ in 0..<4 { plateau.step(1) }
    #expect(abs(optimizer.groups[0].lr - 0.025) < 1e-12)
  }

  @Test func gradientsAreClipped() {
    let x = cell([0, 0])
    x.grad = Tensor([Float(3), 4], shape: [2])
    #expect(clipGradNorm([x], maxNorm: 1).itemDouble() == 5)
    #expect(abs(x.grad!.vectorNorm().itemDouble() - 1) < 1e-5)
    clipGradValue([x], clipValue: 0.5)
    #expect(x.grad!.abs().amax().itemDouble() <= 0.6)
    let vector = parametersToVector([x, cell([7])])
    #expect(vector.scalars(Float.self) == [0, 0, 7])
    vectorToParameters(Tensor([Float(1), 2], shape: [2]), [x])
    #expect(x.tensor.scalars(Float.self) == [1, 2])
  }
}
