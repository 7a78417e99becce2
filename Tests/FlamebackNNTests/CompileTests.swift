import Flameback
import FlamebackCore
import FlamebackOps
import Testing

@Suite struct CompileTests {
  private func convNet() -> Sequential {
    Sequential(
      Conv2d(3, 8, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(8), ReLU(), MaxPool2d(2), Flatten(),
      Linear(8 * 16, 5))
  }

  /// Batch norms are folded, so additions happen in another order.
  @Test func inferenceGivesTheSame() {
    let model = convNet()
    for _ in 0..<3 { _ = noGrad { model(.randn([4, 3, 8, 8])) } }
    model.eval()
    let fast = compile(model)
    inferenceMode {
      for batch in [2, 5, 2, 5] {  // the first call of a shape records
        let x = Tensor.randn([batch, 3, 8, 8])
        #expect(fast(x).allClose(model(x), rtol: 1e-5, atol: 1e-6))
      }
    }
    #expect(fast.log.count == 2 && fast.log[1].contains("new shapes"), "\(fast.log)")
  }

  struct Layer: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let input: [Int]
    let make: @Sendable () -> any UnaryLayer
  }

  static let convolutions: [Layer] = [
    Layer(testDescription: "Winograd", input: [2, 32, 14, 14]) { Conv2d(32, 32, kernelSize: 3, padding: 1) },
    Layer(testDescription: "narrow", input: [2, 3, 20, 20]) { Conv2d(3, 6, kernelSize: 5) },
    Layer(testDescription: "depthwise", input: [2, 16, 15, 15]) {
      Conv2d(16, 16, kernelSize: 3, padding: 1, groups: 16)
    },
    Layer(testDescription: "1 x 1", input: [2, 24, 12, 12]) { Conv2d(24, 40, kernelSize: 1) },
    Layer(testDescription: "strides", input: [3, 32, 17, 17]) { Conv2d(32, 48, kernelSize: 3, stride: 2) },
    Layer(testDescription: "one sample", input: [1, 32, 33, 33]) { Conv2d(32, 48, kernelSize: 3, stride: 2) },
    Layer(testDescription: "many weights", input: [2, 256, 2, 2]) { Conv2d(256, 256, kernelSize: 3, padding: 1) },
    Layer(testDescription: "groups", input: [2, 16, 12, 12]) { Conv2d(16, 32, kernelSize: 3, groups: 2) },
    Layer(testDescription: "one dimension", input: [2, 8, 50]) { Conv1d(8, 12, kernelSize: 4) },
    Layer(testDescription: "three dimensions", input: [1, 4, 6, 7, 8]) { Conv3d(4, 6, kernelSize: 3) },
  ]

  /// A ReLU is applied where a convolution writes its results, by whichever of its ways.
  @Test(arguments: convolutions) func rectifiedConvolutions(_ layer: Layer) {
    func check(_ conv: some UnaryLayer, _ dtype: DType) {
      conv.to(dtype)
      let fast = compile { [conv($0[0]).relu()] }
      let twice = compile {
        let y = conv($0[0])
        return [y.relu(), y * 1]
      }
      inferenceMode {
        for infinite in [false, false, true] {
          var x = Tensor.randn(layer.input).to(dtype)
          if infinite { x *= Double.infinity }
          let expected = conv(x).relu()
          #expect(expected.equal(fast([x])[0]) || infinite && expected.isNaN().equal(fast([x])[0].isNaN()))
          let both = twice([x])
          #expect(infinite || both[0].equal(expected) && both[1].equal(conv(x)), "what others read is not rectified")
        }
      }
    }
    check(layer.make(), .float32)
    check(layer.make(), .float64)
  }

  @Test func rectifiersAreJoined() {
    let conv = Conv2d(3, 4, kernelSize: 3)
    func count(_ body: @escaping (Tensor) -> [Tensor]) -> Int {
      noGrad { trace([.ones([1, 3, 8, 8])]) { body($0[0]) } }.foldingRectifiers().instructions.count
    }
    #expect(count { [conv($0).relu()] } == 1)
    #expect(
      count { x in
        let y = conv(x)
        return [y.relu(), y]
      } == 2, "what others read stays")
  }

  /// The exponential writes over the softmax, so that one value at a time needs room.
  @Test func dyingOperandsNeedNoSecondPlace() throws {
    let graph = noGrad { trace([.ones([16, 64])]) { [$0[0].softmax(dim: 1).exp().softmax(dim: 1)] } }
    #expect(try #require(ExecutionPlan(graph)).blockSize == 16 * 64 * 4)
  }

  /// What dies in a step is written over; what is read again, or was given or is kept, is not.
  @Test func dyingOperandsAreWrittenOver() {
    let fixed = Tensor.randn([5, 7])
    let fast = compile { inputs in
      let x = inputs[0]
      let a = x.softmax(dim: 1)
      let b = a.exp() * 2
      let c = b.sum(dim: 1, keepDim: true)
      let d = (b / c).cumsum(dim: 1)
      let e = (d + fixed).tanh()
      let f = e.sort(dim: 1).values
      return [d.sqrt(), e, f + e, f.transpose(0, 1).contiguous() - 1, a]
    }
    for _ in 0..<3 {
      let x = Tensor.randn([5, 7])
      let kept = x.clone()
      let a = kept.softmax(dim: 1)
      let b = a.exp() * 2
      let d = (b / b.sum(dim: 1, keepDim: true)).cumsum(dim: 1)
      let e = (d + fixed).tanh()
      let f = e.sort(dim: 1).values
      let results = inferenceMode { fast([x]) }
      for (result, expected) in zip(results, [d.sqrt(), e, f + e, f.transpose(0, 1).contiguous() - 1, a]) {
        #expect(result.allClose(expected, rtol: 1e-5, atol: 1e-6))
      }
      #expect(x.equal(kept))
    }
  }

  @Test func gradientsAreTheSame() {
    let model = Sequential(Linear(6, 8), Tanh(), LayerNorm(8), Linear(8, 3))
    let fast = compile(model)
    let x = Tensor.randn([4, 6])
    var gradients: [[Tensor]] = []
    for call in [{ model($0) }, { fast($0) }, { fast($0) }] as [(Tensor) -> Tensor] {
      for cell in model.parameters() { cell.zeroGrad() }
      let y = call(x)
      ((y * 2 + 1) * y).sum().backward()
      gradients.append(model.parameters().map { $0.grad! })
    }
    for compiled in gradients.dropFirst() {
      for (a, b) in zip(gradients[0], compiled) { #expect(a.allClose(b, rtol: 1e-6, atol: 1e-7)) }
    }
    #expect(fast.log.count == 1, "\(fast.log)")
  }

  /// A step of training changes what was folded.
  @Test func changedParametersAreSeen() {
    let model = Sequential(Linear(4, 4), ReLU())
    let fast = compile(model)
    let x = Tensor.randn([3, 4])
    #expect(noGrad { fast(x) }.allClose(noGrad { model(x) }))
    let optimizer = SGD(model.parameters(), lr: 0.5)
    for _ in 0..<3 {
      optimizer.zeroGrad()
      fast(x).square().sum().backward()
      optimizer.step()
      for _ in 0..<2 { #expect(noGrad { fast(x) }.allClose(noGrad { model(x) })) }
    }
    #expect(fast.log.contains { $0.contains("parameters changed") }, "\(fast.log)")
  }

  /// What a graph cannot say runs as it stands, once a call.
  @Test func fallsBackWithAReason() {
    func reason(_ model: Module?, _ body: @escaping ([Tensor]) -> [Tensor]) -> String {
      let fast = compile(model, body)
      _ = fast([Tensor.randn([4, 3])])
      return fast.log.last ?? ""
    }
    #expect(reason(nil) { $0[0].sum().itemDouble() > 0 ? [$0[0]] : [-$0[0]] }.contains("reads values"))
    #expect(reason(nil) { [$0[0] * Double(Generator.default.integers(count: 1, below: 9)[0])] }.contains("draws"))
    #expect(reason(nil) { x in [withGenerator(Generator()) { x[0].dropout() }] }.contains("scope inside"))
    let own = Generator()
    let seeding = reason(nil) { x in
      own.manualSeed(3)
      return [x[0].dropout(generator: own)]
    }
    #expect(seeding.contains("seeds"))
    let norm = BatchNorm1d(3)
    let first = noGrad { reason(nil) { [norm($0[0])] } }
    #expect(first.contains("none of the model's"), "\(first)")
    #expect(norm.numBatchesTracked?.itemInt() == 1)
    let linear = Linear(3, 3)
    #expect(reason(nil) { [linear($0[0])] }.contains("none of its inputs"))
    let double = CustomFunction("double") { inputs, _ in
      [inputs[0] * 2]
    } backward: { grads, _ in
      grads
    }
    #expect(reason(linear) { double([linear($0[0])]) }.contains("of its own making"))
    let watching = reason(linear) { x in
      let y = linear(x[0])
      y.registerHook { $0 * 2 }
      return [y]
    }
    #expect(watching.contains("watches gradients"))
    let inner = reason(linear) { x in
      let leaf = x[0].requiringGrad()
      return [grad(of: linear(leaf).sum(), wrt: leaf)]
    }
    #expect(inner.contains("of its own making"), "\(inner)")
    let enabled = noGrad { reason(linear) { x in [enableGrad { linear(x[0]) }] } }
    #expect(enabled.contains("turns gradients on"))
    let growing = Growing()
    #expect(reason(growing) { [growing($0[0])] }.contains("changes the shape or type of 'seen'"))
    #expect(growing.seen.shape == [4, 3])
  }

  private final class Growing: Module {
    @Buffer var seen = Tensor.zeros([0, 3])
    func callAsFunction(_ x: Tensor) -> Tensor {
      seen = .cat([seen, x], dim: 0)
      return x + seen.sum()
    }
  }

  @Test func errorsAreTheModels() {
    let fast = compile(Linear(3, 2))
    #expect(throws: OpError.self) { try withErrors { fast(.randn([4, 5])) } }
    #expect(noGrad { fast(.randn([4, 3])) }.shape == [4, 2])
  }

  /// Chains become one instruction; strided views, several uses and inputs that are results stay right.
  @Test func elementwiseChainsAreJoined() {
    let a = Tensor.randn([5, 7])
    let b = Tensor.randn([7])
    let body = { (x: [Tensor]) -> [Tensor] in
      let sum = x[0] + x[1]
      let y = ((sum * 2).tanh() - x[0]) / (sum.abs() + 1)
      return [y.transpose(0, 1), y.gelu().relu() + 0.5, x[0], sum[1..., 0..<3] * 3]
    }
    let fast = compile(nil, body)
    for _ in 0..<2 {
      for (result, expected) in noGrad({ zip(fast([a, b]), body([a, b])) }) {
        #expect(result.shape == expected.shape && result.allClose(expected, rtol: 1e-6, atol: 1e-7))
      }
    }
    #expect(fast.log.count == 1)
  }
}
