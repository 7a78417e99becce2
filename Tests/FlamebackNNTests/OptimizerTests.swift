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
