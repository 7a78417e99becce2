import Flameback
import Testing

@Suite struct QuantizationTests {
  /// The rule itself, in Double.
  @Test(arguments: [(1, 16, 8), (5, 33, 7), (64, 128, 96)])
  func linearRoundsAsSaid(_ rows: Int, _ inputs: Int, _ outputs: Int) {
    let layer = Linear(inputs, outputs)
    let x = Tensor.randn([rows, inputs])
    let weight = layer.weight.detached()
    let exact = noGrad { layer(x) }
    #expect(quantizeDynamic(layer) == 1)
    let result = noGrad { layer(x) }

    let w = weight.scalars(Double.self)
    let step = Double(Float(w.map(abs).max()! / 127.5))
    let q = w.map { min(127, max(-128, ($0 / step).rounded(.toNearestOrEven))) }
    let values = x.scalars(Double.self)
    let (low, high) = (min(0, values.min()!), max(0, values.max()!))
    let scale = (high - low) / 127
    let zero = (-low / scale).rounded(.toNearestOrEven)
    let bias = layer.bias!.scalars(Double.self)
    var expected: [Double] = []
    for i in 0..<rows {
      for o in 0..<outputs {
        var sum = 0.0
        for k in 0..<inputs {
          let rounded = min(127, max(0, (values[i * inputs + k] / scale).rounded(.toNearestOrEven) + zero)) - zero
          sum += rounded * q[o * inputs + k]
        }
        expected.append(sum * scale * step + bias[o])
      }
    }
    let reference = Tensor(expected, shape: [rows, outputs]).to(.float32)
    // A number halfway between two steps may fall to either side.
    let off = (result - reference).abs()
    #expect(off.mean().itemDouble() < 1e-3 && off.amax().itemDouble() < 4 * scale * step * 128)
    #expect((result - exact).abs().mean().itemDouble() < 0.05)
    #expect(layer.weight.allClose(weight, rtol: 0, atol: step * 0.51))
  }

  @Test func recurrentNetworksToo() {
    let lstm = LSTM(12, 24, numLayers: 2, bidirectional: true)
    let x = Tensor.randn([9, 3, 12])
    let exact = noGrad { lstm(x) }
    #expect(quantizeDynamic(Sequential(ReLU()), [LSTM.self]) == 0)
    #expect(quantizeDynamic(lstm) == 8)
    let result = noGrad { lstm(x) }
    #expect(result.output.shape == exact.output.shape)
    #expect((result.output - exact.output).abs().amax().itemDouble() < 0.05)
    let packed = noGrad { lstm(packPaddedSequence(x, lengths: [9, 7, 4])).output }
    #expect((packed.data[0..<3] - exact.output[0]).abs().amax().itemDouble() < 0.2)
  }

  /// The integers are the state: they load into another quantized layer.
  @Test func theStateIsInIntegers() throws {
    let layer = Sequential(Linear(6, 4), ReLU(), Linear(4, 2))
    quantizeDynamic(layer)
    let state = layer.stateDict()
    #expect(state["0.parametrizations.weight.quantized"]?.dtype == .int8, "\(state.keys)")
    let other = Sequential(Linear(6, 4), ReLU(), Linear(4, 2))
    quantizeDynamic(other)
    try other.load(state)
    let x = Tensor.randn([3, 6])
    let (a, b) = noGrad { (layer(x), other(x)) }
    #expect(a.allClose(b, rtol: 0, atol: 0))
  }

  @Test func trainingIsRefused() {
    let layer = Linear(3, 2)
    quantizeDynamic(layer)
    let x = Tensor.randn([2, 3]).requiringGrad()
    #expect(throws: OpError.self) { try withErrors { layer(x).sum().backward() } }
    #expect(throws: OpError.self) { try withErrors { quantizeDynamic(Sequential(ReLU()), [ReLU.self]) } }
  }
}
