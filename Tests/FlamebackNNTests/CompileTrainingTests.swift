import Flameback
import Testing

/// What training needs of `compile`: buffers that change, random numbers, parts without gradients.
@Suite struct CompileTrainingTests {
  private func isClose(_ a: Tensor, _ b: Tensor) -> Bool {
    a.shape == b.shape && a.allClose(b, rtol: 1e-5, atol: 1e-6)
  }

  /// Five steps with evaluations between; every batch and every mask comes from the same stream.
  private func losses(of model: Module, _ call: (Tensor) -> Tensor) -> [Double] {
    withGenerator(Generator(seed: 7)) {
      let optimizer = SGD(model.parameters(), lr: 0.05, momentum: 0.9)
      var losses: [Double] = []
      for step in 0..<5 {
        let x = Tensor.randn([8, 3, 8, 8])
        let y = Tensor.randint(0, 5, [8])
        optimizer.zeroGrad()
        let loss = call(x).crossEntropy(y)
        loss.backward()
        optimizer.step()
        losses.append(loss.itemDouble())
        if step % 2 == 1 {
          model.eval()
          losses.append(noGrad { call(x).crossEntropy(y).itemDouble() })
          model.train()
        }
      }
      return losses
    }
  }

  private func convNet() -> Sequential {
    withGenerator(Generator(seed: 5)) {
      let spectral = Linear(16, 5)
      spectral.$weight.parametrize { SpectralNorm($0) }
      return Sequential(
        Conv2d(3, 8, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(8), ReLU(), Dropout2d(0.2), MaxPool2d(2),
        InstanceNorm2d(8, affine: true, trackRunningStats: true), Flatten(), Linear(8 * 16, 16),
        BatchNorm1d(16, momentum: nil), Tanh(), Dropout(0.5), spectral)
    }
  }

  @Test func trainingIsTheSame() {
    let (plain, model) = (convNet(), convNet())
    let fast = compile(model)
    let expected = losses(of: plain) { plain($0) }
    let found = losses(of: model) { fast($0) }
    for (a, b) in zip(expected, found) { #expect(abs(a - b) <= 1e-5 * abs(a), "\(expected) \(found)") }
    let (states, others) = (plain.stateDict(), model.stateDict())
    #expect(states.keys == others.keys && states.keys.contains("1.num_batches_tracked"))
    for (key, value) in states { #expect(isClose(value, others[key]!), "\(key)") }
    #expect(others["1.num_batches_tracked"]!.itemInt() == 5)
    #expect(fast.log.allSatisfy { !$0.contains("without") }, "\(fast.log)")
    #expect(fast.log.count <= 5, "\(fast.log)")
  }

  /// Once a call, also without gradients, where the rest is folded.
  @Test func buffersChangeOnceACall() {
    for records in [true, false] {
      let (plain, model) = (BatchNorm1d(3), BatchNorm1d(3))
      let fast = compile(model)
      for i in 1...4 {
        let x = Tensor.randn([6, 3]) + Double(i)
        setGradEnabled(records) { #expect(isClose(fast(x), plain(x))) }
        #expect(model.numBatchesTracked!.itemInt() == i)
        #expect(isClose(model.runningMean!, plain.runningMean!) && isClose(model.runningVar!, plain.runningVar!))
      }
      #expect(fast.log.count == 1, "\(fast.log)")
    }
  }

  private final class Counter: Module {
    @Buffer var first = Tensor.zeros([2])
    @Buffer var second = Tensor.zeros([2])
    func callAsFunction(_ x: Tensor) -> Tensor {
      first = first + 1
      second = second + first * 2
      return x * first + second
    }
  }

  /// Buffers that begin in the same memory, one of which is not saved; and values read anew after an assignment.
  @Test func buffersAreReadAnew() {
    let (plain, model) = (Counter(), Counter())
    let zeros = Tensor.zeros([2])
    for module in [plain, model] { (module.first, module.second) = (zeros, zeros) }
    model.$second.isPersistent = false
    let fast = compile(model) { [model($0[0])] }
    let x = Tensor([1.5, -2], shape: [2], dtype: .float32)
    noGrad {
      for i in 0..<5 {
        if i == 3 { for module in [plain, model] { module.first = .full([2], 10.0) } }
        #expect(fast([x])[0].allClose(plain(x)))
        #expect(model.first.allClose(plain.first) && model.second.allClose(plain.second))
      }
    }
    #expect(fast.log.count == 1, "\(fast.log)")
  }

  /// The bodies draw in the order of the eager call, and each call draws anew.
  @Test func randomNumbersAreThoseOfTheEagerCall() {
    let lstm = LSTM(4, 4, numLayers: 2, dropout: 0.5)
    let attention = MultiheadAttention(4, 2, dropout: 0.5)
    let probabilities = Tensor.full([5, 4], 0.5)
    let own = [Generator(seed: 1), Generator(seed: 1)]
    let bodies: [(String, Module?, (Tensor, Generator) -> Tensor)] = [
      ("dropout", nil, { x, _ in x.dropout(0.5) + 1 }),
      ("dropout1d", nil, { x, _ in x.dropout1d(0.5) }),
      ("dropout2d", nil, { x, _ in x.unsqueeze(0).dropout2d(0.5) }),
      ("dropout3d", nil, { x, _ in x.unsqueeze(-1).unsqueeze(-1).dropout3d(0.5) }),
      ("alpha", AlphaDropout(0.5), { x, _ in AlphaDropout(0.5)(x) }),
      ("featureAlpha", nil, { x, _ in FeatureAlphaDropout(0.5)(x) }),
      ("lstm", lstm, { x, _ in lstm(x).output }),
      ("attention", attention, { x, _ in attention(x, x, x).output }),
      ("rand", nil, { x, _ in x * Tensor.rand([4]) + Tensor.randLike(x) - Tensor.randn([5, 1]) }),
      (
        "unused", nil,
        { x, _ in
          _ = Tensor.randn([3])
          return x + Tensor.rand([4])
        }
      ),
      ("constant", nil, { x, _ in x * probabilities.bernoulli() }),
      (
        "choices", nil,
        { x, _ in
          x + x.reshape([8, 20]).square().multinomial(2, replacement: true).sum(dim: 1).reshape([8, 1, 1])
        }
      ),
      ("activations", nil, { x, _ in x.rrelu(training: true) + x.gumbelSoftmax(hard: true) }),
      ("pool", nil, { x, _ in x.reshape([2, 1, 8, 10]).fractionalMaxPool2d(2, outputSize: 4).output }),
      ("generator", nil, { x, generator in x.dropout(0.5, generator: generator) }),
    ]
    let x = withGenerator(Generator(seed: 3)) { Tensor.randn([8, 5, 4]) }
    for (name, model, body) in bodies {
      for records in [true, false] {
        let fast = compile(model) { [body($0[0], own[1])] }
        func calls(_ call: (Tensor) -> Tensor) -> [Tensor] {
          withGenerator(Generator(seed: 11)) {
            setGradEnabled(records) { (0..<3).map { _ in call(x) } + [.rand([4])] }
          }
        }
        let expected = calls { body($0, own[0]) }
        let found = calls { fast([$0])[0] }
        for (i, (a, b)) in zip(expected, found).enumerated() { #expect(isClose(a, b), "\(name), call \(i)") }
        #expect(!found[1].allClose(found[2]), "\(name)")
        #expect(fast.log.count == 1, "\(name): \(fast.log)")
      }
    }
  }

  /// Gradients of a body, called directly and compiled, twice.
  private func checkGradients(
    _ model: Module, _ x: Tensor, _ body: @escaping ([Tensor]) -> [Tensor], line: Int = #line
  ) {
    let fast = compile(model, body)
    var gradients: [[Tensor?]] = []
    for call in [body, { fast($0) }, { fast($0) }] {
      let leaf = x.requiringGrad()
      model.zeroGrad()
      call([leaf]).filter(\.requiresGrad).reduce(Tensor.zeros([])) { $0 + ($1 * $1).sum() }.backward()
      gradients.append([leaf.grad] + model.parameters().map(\.grad))
    }
    for found in gradients.dropFirst() {
      for (a, b) in zip(gradients[0], found) {
        #expect((a == nil) == (b == nil), "line \(line)")
        if let a, let b { #expect(isClose(a, b), "line \(line)") }
      }
    }
    #expect(fast.log.count == 1, "line \(line): \(fast.log)")
  }

  @Test func partsWithoutGradientsStayWithout() {
    let linear = Linear(4, 4)
    let x = Tensor.randn([3, 4])
    // The straight-through estimator: rounded values, the gradient of the identity.
    checkGradients(linear, x) { inputs in
      let y = linear(inputs[0])
      return [y + (y.round() - y).detached()]
    }
    checkGradients(linear, x) { inputs in
      let y = linear(inputs[0])
      return [y * noGrad { linear(inputs[0]) * 2 + y }, y.detached() * 3, noGrad { y + 1 } + y]
    }
    checkGradients(linear, x) { [linear($0[0].detached()) + $0[0] * linear.weight.detached()[0]] }
    // A penalty on the gradient, which is computed inside.
    checkGradients(linear, x) { inputs in
      let y = linear(inputs[0]).square().sum()
      return [y + grad(of: y, wrt: inputs[0], createGraph: true).square().sum()]
    }
    // Elementwise functions are not joined across the border.
    checkGradients(linear, x) { inputs in
      let scale = noGrad { (inputs[0] * 2).exp() }
      return [(scale + 1).tanh() * inputs[0]]
    }
  }

  private final class Twins: Module {
    let online = Sequential(Linear(4, 8), BatchNorm1d(8), Tanh(), Linear(8, 2))
    let target = Sequential(Linear(4, 8), BatchNorm1d(8), Tanh(), Linear(8, 2))
    func loss(_ x: Tensor) -> Tensor { (online(x) - noGrad { target(x) } - 1).square().mean() }
  }

  /// The target gets the online network's state, whose memory it then shares.
  @Test func targetNetworks() throws {
    let (plain, model) = (Twins(), Twins())
    try model.load(plain.stateDict())
    let fast = compile(model) { [model.loss($0[0])] }
    for (twins, loss) in [(plain, plain.loss), (model, { fast([$0])[0] })] as [(Twins, (Tensor) -> Tensor)] {
      try withGenerator(Generator(seed: 2)) {
        let optimizer = Adam(twins.online.parameters(), lr: 0.01)
        for step in 0..<6 {
          if step % 2 == 0 { try twins.target.load(twins.online.stateDict()) }
          optimizer.zeroGrad()
          loss(.randn([5, 4])).backward()
          optimizer.step()
        }
      }
    }
    for (key, value) in plain.stateDict() { #expect(isClose(value, model.stateDict()[key]!), "\(key)") }
    #expect(fast.log.count == 1, "\(fast.log)")
  }

  /// A parameter's first value that the body holds is not the parameter, though it begins in the same memory.
  @Test func capturedValuesAreFixed() {
    let linear = Linear(3, 3)
    let first = linear.weight.detached()
    let fast = compile(linear) { _ in [(linear.weight - first).square().sum()] }
    let x = Tensor.zeros([1])
    #expect(fast([x])[0].itemDouble() == 0)
    linear.weight = linear.weight.detached() + 2
    #expect(fast([x])[0].itemDouble() == 36)
    for _ in 0..<2 { #expect(noGrad { fast([x])[0].itemDouble() } == 36) }
  }

  /// What asks for gradients belongs to what was recorded.
  @Test func frozenParametersAreSeen() {
    let linear = Linear(3, 3)
    let fast = compile(linear)
    let x = Tensor.randn([2, 3])
    for _ in 0..<2 {
      for frozen in [false, true] {
        linear.$weight.requiresGrad = !frozen
        linear.zeroGrad()
        fast(x).sum().backward()
        #expect((linear.$weight.grad == nil) == frozen && linear.$bias!.grad != nil)
      }
    }
    #expect(fast.log.count == 2 && fast.log[1].contains("other tensors require gradients"), "\(fast.log)")
  }
}
