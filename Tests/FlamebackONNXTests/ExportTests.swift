import Flameback
import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

@testable import FlamebackONNX

/// Exports a model, reads it back, and compares; the file's operators come back.
@discardableResult
func roundTrip(
  _ model: Module, _ inputs: [Tensor], _ options: ONNXExportOptions = ONNXExportOptions(), tolerance: Double = 1e-5,
  others: [[Tensor]] = [], _ body: ([Tensor]) -> [Tensor]
) throws -> [String] {
  let file = try onnxFile(model, inputs, options, body)
  let again = try ONNXModel(bytes: file.encoded())
  model.eval()
  for given in [inputs] + others {
    let expected = noGrad { body(given) }
    let found = try noGrad { try again.run(given) }
    for (a, b) in zip(found, expected) {
      #expect(a.shape == b.shape && a.dtype == b.dtype, "\(a.spec) instead of \(b.spec)")
      if a.shape == b.shape {
        let close = a.to(.float64).allClose(b.to(.float64), rtol: tolerance, atol: tolerance, equalNaN: true)
        #expect(close, "\((a.to(.float64) - b.to(.float64)).abs().max().itemDouble())")
      }
    }
  }
  return file.graph.nodes.map(\.op)
}

final class NoParameters: Module {}

/// The same for a function without parameters.
@discardableResult
func roundTrip(_ inputs: Tensor..., body: ([Tensor]) -> [Tensor]) throws -> [String] {
  try roundTrip(NoParameters(), inputs, ONNXExportOptions(), body)
}

@Suite struct ExportTests {
  private let x = Tensor((0..<24).map { Float(sin(Double($0) * 1.7)) }, shape: [2, 3, 4])

  @Test func activations() throws {
    let functions: [(String, (Tensor) -> Tensor)] = [
      ("relu", { $0.relu() }), ("gelu", { $0.gelu() }), ("gelu tanh", { $0.gelu(approximate: .tanh) }),
      ("silu", { $0.silu() }), ("elu", { $0.elu(alpha: 0.7) }), ("selu", { $0.selu() }),
      ("celu", { $0.celu(alpha: 2) }),
      ("leaky", { $0.leakyRelu(negativeSlope: 0.2) }), ("softplus", { $0.softplus() }),
      ("softplus 2", { $0.softplus(beta: 2) }), ("mish", { $0.mish() }), ("hardtanh", { $0.hardtanh() }),
      ("hardswish", { $0.hardswish() }), ("hardsigmoid", { $0.hardsigmoid() }), ("relu6", { $0.relu6() }),
      ("tanhshrink", { $0.tanhshrink() }), ("softsign", { $0.softsign() }), ("logsigmoid", { $0.logSigmoid() }),
      ("hardshrink", { $0.hardshrink() }), ("softshrink", { $0.softshrink() }),
      ("threshold", { $0.threshold(0.1, value: 3) }), ("glu", { $0.glu(dim: -1) }), ("clamp", { $0.clamp(min: -0.3) }),
      ("softmax", { $0.softmax(dim: 1) }), ("logSoftmax", { $0.logSoftmax(dim: 0) }),
    ]
    for (name, function) in functions {
      do { try roundTrip(x) { [function($0[0])] } } catch { Issue.record("\(name): \(error)") }
    }
    #expect(try roundTrip(x) { [$0[0].gelu()] } == ["Gelu"])
    #expect(try roundTrip(x) { [$0[0].relu()] } == ["Relu"])
    #expect(!(try roundTrip(NoParameters(), [x], ONNXExportOptions(opset: 18)) { [$0[0].gelu()] }).contains("Gelu"))
  }

  @Test func elementwise() throws {
    let y = Tensor((0..<4).map { Float($0) - 1.5 }, shape: [4])
    let functions: [(String, (Tensor, Tensor) -> Tensor)] = [
      ("add", { $0 + $1 }), ("sub", { $0 - $1 }), ("mul", { $0 * $1 * 2 }), ("div", { $0 / $1 }),
      ("floorDivide", { $0.floorDivide($1) }), ("trunc div", { $0.div($1, roundingMode: .trunc) }),
      ("remainder", { $0.remainder($1) }), ("fmod", { $0.fmod($1) }), ("pow", { $0.abs().pow($1) }),
      ("maximum", { $0.maximum($1) }), ("hypot", { $0.hypot($1) }), ("where", { select(where: $0 .> $1, $0, $1 * 2) }),
      ("compare", { (($0 .<= $1) | ($0 .!= 0)).to(.float32) }),
      ("lerp", { $0.lerp($1.expand([2, 3, 4]), weight: 0.3) }),
      ("addcmul", { $0.addcmul($0, $1, value: 0.5) }), ("log", { $0.abs().log() + $1.abs().log1p() }),
      ("trigonometry", { $0.sin() * $1.cos() + $0.tanh() * $1.atan() }), ("sign", { $0.sign() + $1.neg().ceil() }),
      ("erf", { $0.erf() + $1.erfc() }), ("rsqrt", { $0.abs().rsqrt() + $1.square().sqrt() }),
      ("exp", { $0.exp2() + $1.expm1() + $0.log10() }), ("round", { ($0 * 5).round() + ($1 * 3).trunc() }),
      ("logical", { ($0 .> 0).logicalXor($1 .> 0).logicalNot() }), ("isNaN", { ($0.log().isNaN() | $1.isInf()) }),
      ("xlogy", { $0.xlogy($1.abs()) }), ("logaddexp", { $0.logaddexp($1) }), ("dtype", { $0.to(.float64) + $1 }),
    ]
    for (name, function) in functions {
      do { try roundTrip(x, y) { [function($0[0], $0[1])] } } catch { Issue.record("\(name): \(error)") }
    }
    let n = Tensor([7, -7, 3, -3, 0, 5], shape: [6])
    let whole: [(String, (Tensor) -> Tensor)] = [
      ("floor", { $0.floorDivide(2) }), ("remainder", { $0.remainder(3) }), ("mean", { $0.to(.float32).mean() }),
      ("small", { ($0.to(.uint8) * 40).to(.int64) }), ("bits", { $0 & 3 }), ("divide", { $0 / 2 }),
    ]
    for (name, function) in whole {
      do { try roundTrip(n) { [function($0[0])] } } catch { Issue.record("\(name): \(error)") }
    }
  }

  @Test func seldomDTypes() throws {
    for dtype in [DType.uint16, .uint32, .uint64, .float8E4M3FN, .float8E5M2] {
      let constant = Tensor([3, 1, 2, 0]).to(dtype)
      try roundTrip(Tensor([1, 2, 3, 4]).to(dtype)) { [Tensor.cat([$0[0], constant]).reshape(2, 4)] }
      try roundTrip(Tensor([1.5, 2, 3.25, 4])) { [$0[0].to(dtype)] }
    }
  }

  @Test func shapesAndReductions() throws {
    let index = Tensor([2, 0], shape: [2])
    let functions: [(String, (Tensor) -> Tensor)] = [
      ("reshape", { $0.reshape([6, 4]) }), ("permute", { $0.permute(2, 0, 1) }),
      ("narrow", { $0.narrow(dim: 2, start: 1, length: 2) }),
      ("select", { $0.select(dim: 1, index: 2) }), ("split", { Tensor.cat($0.split(2, dim: 2).reversed(), dim: 1) }),
      ("unbind", { $0.unbind(dim: 1)[1] }), ("stack", { Tensor.stack([$0, $0 * 2], dim: 1) }),
      ("flip", { $0.flip(0, 2) }),
      ("expand", { $0.unsqueeze(1).expand([2, 5, 3, 4]) }), ("pad", { $0.constantPad([1, 2, 0, 1], value: 3) }),
      ("reflect", { $0.pad([1, 2], mode: .reflect) }), ("replicate", { $0.pad([1, 2], mode: .replicate) }),
      ("unfold", { $0.unfold(dim: 2, size: 2, step: 1) }), ("tril", { $0.tril(-1) }), ("roll", { $0.roll(1, dim: 2) }),
      ("slice", { $0[0..., 1..., 2] }), ("step", { $0.slice(dim: 2, start: 0, end: 4, step: 2) }),
      ("sum", { $0.sum(dim: [0, 2]) }), ("mean", { $0.mean(dim: -1, keepDim: true) }), ("all sum", { $0.sum() }),
      ("var", { $0.var(dim: 1) }), ("std", { $0.std() }), ("amax", { $0.amax(dim: [1, 2]) }),
      ("max", { $0.max(dim: 1).values }),
      ("argmax", { $0.argmax(dim: 2) }), ("argmin", { $0.argmin() }), ("prod", { $0.prod(dim: 1) }),
      ("norm", { $0.norm() }), ("logsumexp", { $0.logsumexp(dim: 1) }), ("any", { ($0 .> 0.9).any(dim: 1) }),
      ("cumsum", { $0.cumsum(dim: 1) }), ("topk", { $0.topk(2).values }), ("sort", { $0.sort(dim: 0).indices }),
      ("indexSelect", { $0.indexSelect(dim: 1, index: index) }),
      ("gather", { $0.gather(dim: 2, index: $0.argsort(dim: 2)) }),
      ("index", { $0.index([index.remainder(2), index]) }),
      ("scatter", { $0.scatter(dim: 1, index: $0.argsort(dim: 1), src: $0) }),
      ("matmul", { $0.matmul($0.transpose(1, 2)) }), ("einsum", { einsum("bij,bkj->bik", $0, $0) }),
      ("indexAdd", { $0.indexAdd(dim: 1, index: index, source: $0.narrow(dim: 1, start: 0, length: 2)) }),
      ("divisor", { $0.avgPool2d(2, divisorOverride: 3) }), ("countNonzero", { $0.relu().countNonzero(dim: 1) }),
    ]
    for (name, function) in functions {
      do { try roundTrip(x) { [function($0[0])] } } catch { Issue.record("\(name): \(error)") }
    }
  }

  @Test func layers() throws {
    manualSeed(1)
    let image = Tensor.randn([2, 4, 8, 9])
    let layers: [(any UnaryLayer, Tensor)] = [
      (Conv2d(4, 6, kernelSize: 3, stride: 2, padding: 1), image),
      (Conv2d(4, 8, kernelSize: [3, 2], groups: 2), image),
      (ConvTranspose2d(4, 3, kernelSize: 3, stride: 2, padding: 1, outputPadding: 1), image),
      (BatchNorm2d(4), image), (InstanceNorm2d(4, affine: true), image), (GroupNorm(2, 4), image),
      (LayerNorm([8, 9]), image),
      (MaxPool2d(2), image), (MaxPool2d(3, stride: 2, padding: 1), image), (AvgPool2d(2), image),
      (AdaptiveAvgPool2d(1), image), (Upsample(scaleFactor: 2), image), (Flatten(), image), (Linear(9, 5), image),
      (Linear(9, 5, bias: false), image), (PReLU(4), image), (PixelShuffle(2), image), (LocalResponseNorm(3), image),
      (Conv1d(4, 2, kernelSize: 3, padding: 1), Tensor.randn([2, 4, 7])), (RMSNorm([9]), image),
      (Unfold([2, 3], padding: 1, stride: 2), image), (AdaptiveAvgPool2d([3, 5]), image),
      (Conv3d(2, 3, kernelSize: 2), Tensor.randn([1, 2, 4, 5, 6])), (Softmax2d(), image),
    ]
    for (layer, input) in layers {
      do { try roundTrip(layer, [input]) { [layer($0[0])] } } catch { Issue.record("\(layer.typeName): \(error)") }
    }
    let embedding = Embedding(10, 4)
    try roundTrip(embedding, [Tensor([1, 9, 3], shape: [3])]) { [embedding($0[0])] }
  }

  @Test func recurrentNetworksAreOneOperator() throws {
    manualSeed(2)
    let x = Tensor.randn([5, 2, 3])
    for isDeep in [false, true] {
      let lstm = LSTM(3, 4, numLayers: isDeep ? 2 : 1, batchFirst: isDeep, bidirectional: isDeep)
      let operators = try roundTrip(lstm, [x]) { inputs in
        let result = lstm(inputs[0])
        return [result.output, result.state.h, result.state.c]
      }
      #expect(operators.filter { $0 == "LSTM" }.count == (isDeep ? 2 : 1), "\(operators)")
      let gru = GRU(3, 4, numLayers: isDeep ? 2 : 1, bias: !isDeep)
      let h = Tensor.randn([isDeep ? 2 : 1, 2, 4])
      #expect(try roundTrip(gru, [x, h]) { [gru($0[0], $0[1]).output, gru($0[0], $0[1]).h] }.contains("GRU"))
      let rnn = RNN(3, 4, nonlinearity: isDeep ? .relu : .tanh, bidirectional: isDeep)
      #expect(try roundTrip(rnn, [x]) { [rnn($0[0]).output] }.contains("RNN"))
    }
  }

  @Test func batchNormsAreFolded() throws {
    manualSeed(3)
    let model = Sequential(Conv2d(3, 4, kernelSize: 3), BatchNorm2d(4), ReLU(), Flatten(), Linear(4 * 36, 2))
    let x = Tensor.randn([2, 3, 8, 8])
    for _ in 0..<3 { _ = model(Tensor.randn([2, 3, 8, 8])) }
    try roundTrip(model, [x]) { [model($0[0])] }
    let folded = try onnxFile(model, [x]) { [model($0[0])] }
    #expect(folded.graph.nodes.map(\.op) == ["Conv", "Relu", "Reshape", "Gemm"])
    #expect(folded.graph.nodes.map(\.name) == ["/0/Conv", "/2/Relu", "/3/Reshape", "/4/Gemm"])
    #expect(folded.graph.initializers.map(\.name).contains("4.weight"))
    let plain = try onnxFile(model, [x], ONNXExportOptions(foldsBatchNorms: false)) { [model($0[0])] }
    #expect(plain.graph.nodes.map(\.op) == ["Conv", "BatchNormalization", "Relu", "Reshape", "Gemm"])
    let names = Set(plain.graph.initializers.map(\.name))
    #expect(names.isSuperset(of: ["0.weight", "0.bias", "1.weight", "1.running_mean", "4.weight", "4.bias"]))
  }

  @Test func dynamicAxes() throws {
    manualSeed(4)
    let model = Sequential(
      Conv2d(3, 4, kernelSize: 3, padding: 1), ReLU(), AdaptiveAvgPool2d(1), Flatten(), Linear(4, 2))
    let options = ONNXExportOptions(dynamicAxes: ["input": [0: "batch", 2: "height"]])
    try roundTrip(
      model, [Tensor.randn([1, 3, 8, 8])], options,
      others: [[Tensor.randn([5, 3, 11, 8])], [Tensor.randn([2, 3, 3, 8])]]
    ) { [model($0[0])] }
    let encoder = TransformerEncoderLayer(8, 2, dimFeedforward: 16, batchFirst: true)
    let sequences = ONNXExportOptions(dynamicAxes: ["input": [0: "batch", 1: "time"]])
    try roundTrip(
      encoder, [Tensor.randn([1, 5, 8])], sequences, others: [[Tensor.randn([3, 7, 8])], [Tensor.randn([2, 1, 8])]]
    ) { [encoder($0[0])] }
    let file = try onnxFile(encoder, [Tensor.randn([1, 5, 8])], sequences) { [encoder($0[0])] }
    #expect(file.graph.outputs[0].shape == [.named("batch"), .named("time"), .size(8)])
    let lstm = LSTM(3, 4, batchFirst: true)
    try roundTrip(
      lstm, [Tensor.randn([2, 5, 3])], sequences, others: [[Tensor.randn([1, 9, 3])]]
    ) { [lstm($0[0]).output] }
  }

  @Test func whatCannotBeWrittenIsListedAtOnce() throws {
    final class Bad: Module {
      let first = Linear(4, 4)
      let second = Linear(4, 4)
      func callAsFunction(_ x: Tensor) -> [Tensor] {
        let a = call(x) { first($0).lgamma() }
        let b = second.call(x) { $0.matmul($0.t()).svdvals() }
        return [a + 1, b]
      }
    }
    let model = Bad()
    do {
      _ = try onnxFile(model, [Tensor.randn([4, 4])]) { model($0[0]) }
      Issue.record("no error")
    } catch let error as ONNXExportError {
      #expect(error.items.map(\.operation).sorted() == ["lgamma", "svd"], "\(error)")
      #expect(error.items.contains { $0.module == "second" })
    }
    #expect(throws: OpError.self) {
      try onnxFile(model, [Tensor.randn([4, 4])], ONNXExportOptions(opset: 30)) { $0 }
    }
  }

  @Test func exportsAgainAfterLearning() throws {
    manualSeed(5)
    let net = Sequential(Linear(3, 4), Tanh(), Linear(4, 1))
    let x = Tensor.randn([6, 3])
    try withFolder { folder in
      try exportONNX(net, x, to: folder + "/a.onnx")
      let model = try ONNXModel(contentsOf: folder + "/a.onnx")
      #expect(model.stateDict().keys.sorted() == net.stateDict().keys.sorted())
      let optimizer = SGD(model.parameters(), lr: 0.1)
      for _ in 0..<3 {
        optimizer.zeroGrad()
        model(x).square().mean().backward()
        optimizer.step()
      }
      try model.exportONNX([x], to: folder + "/b.onnx")
      let again = try ONNXModel(contentsOf: folder + "/b.onnx", frozen: true)
      #expect(again.inputNames == ["input"] && again.outputNames == ["output"])
      let (a, b) = noGrad { (model(x), again(x)) }
      #expect(a.allClose(b, atol: 1e-6))
      #expect(!a.allClose(noGrad { net(x) }, atol: 1e-4))
    }
  }

  @Test(arguments: 18...23) func allOperatorSets(_ opset: Int) throws {
    manualSeed(6)
    let model = TransformerEncoderLayer(8, 2, dimFeedforward: 16, activation: { $0.gelu() }, batchFirst: true)
    try roundTrip(model, [Tensor.randn([2, 3, 8])], ONNXExportOptions(opset: opset)) { [model($0[0])] }
    let norm = RMSNorm([8])
    try roundTrip(norm, [Tensor.randn([2, 8])], ONNXExportOptions(opset: opset)) { [norm($0[0])] }
  }

  /// More than a protocol buffer holds; takes 7 GB of memory: with `FLAMEBACK_LARGE=1` only.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["FLAMEBACK_LARGE"] != nil))
  func modelsBeyondTwoGigabytes() throws {
    let size = 24_000
    let model = skipInit { Linear(size, size, bias: false) }
    model.weight = Tensor.full([size, size], 0.25, dtype: .float32)
    try withFolder { folder in
      let x = Tensor.ones([1, size])
      try exportONNX(model, x, to: "\(folder)/large.onnx")
      #expect(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/large.onnx")).count < 10_000)
      let y = noGrad { model(x) }
      model.weight = Tensor.zeros([1, 1])
      let again = try ONNXModel(contentsOf: "\(folder)/large.onnx", frozen: true)
      #expect(try noGrad { try again.run([x])[0] }.allClose(y))
    }
  }
}
