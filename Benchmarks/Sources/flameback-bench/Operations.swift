import Flameback

/// An operation of WORKLOADS.md as a function of its inputs.
struct Operation {
  let run: ([Tensor]) -> Tensor

  /// `inputs` are exchanged for the leaves that the operation reads.
  init(_ w: Workload, _ inputs: inout [Tensor]) throws {
    let args = w.args
    let dim = args.int("dim")
    let dims = args.ints("dim")
    func need(_ value: Int?, _ key: String) throws -> Int {
      guard let value else { throw BenchError("\(w.op) needs '\(key)'") }
      return value
    }
    let stride = args.int("stride") ?? 1
    let padding = args.int("padding") ?? 0
    switch w.op {
    case "add": run = { $0[0] + $0[1] }
    case "sub": run = { $0[0] - $0[1] }
    case "mul": run = { $0[0] * $0[1] }
    case "div": run = { $0[0] / $0[1] }
    case "maximum": run = { $0[0].maximum($0[1]) }
    case "exp": run = { $0[0].exp() }
    case "log": run = { $0[0].log() }
    case "sqrt": run = { $0[0].sqrt() }
    case "sin": run = { $0[0].sin() }
    case "erf": run = { $0[0].erf() }
    case "abs": run = { $0[0].abs() }
    case "tanh": run = { $0[0].tanh() }
    case "sigmoid": run = { $0[0].sigmoid() }
    case "relu": run = { $0[0].relu() }
    case "silu": run = { $0[0].silu() }
    case "gelu":
      let approximate: Tensor.GELUApproximation = args.string("approximate") == "tanh" ? .tanh : .none
      run = { $0[0].gelu(approximate: approximate) }
    case "where": run = { select(where: $0[0] .> 0, $0[1], $0[2]) }
    case "sum", "mean":
      let keep = args.bool("keepdim")
      let isMean = w.op == "mean"
      run = { isMean ? $0[0].mean(dim: dims, keepDim: keep) : $0[0].sum(dim: dims, keepDim: keep) }
    case "var": run = { $0[0].var(dim: dims) }
    case "max": run = dim.map { d in { $0[0].max(dim: d).values } } ?? { $0[0].max() }
    case "argmax": run = { $0[0].argmax(dim: dim) }
    case "softmax":
      let d = try need(dim, "dim")
      run = { $0[0].softmax(dim: d) }
    case "log_softmax":
      let d = try need(dim, "dim")
      run = { $0[0].logSoftmax(dim: d) }
    case "cumsum":
      let d = try need(dim, "dim")
      run = { $0[0].cumsum(dim: d) }
    case "layer_norm":
      let eps = args.double("eps") ?? 1e-5
      run = { $0[0].layerNorm(Array($0[1].shape), weight: $0[1], bias: $0[2], eps: eps) }
    case "group_norm":
      let groups = try need(args.int("groups"), "groups")
      let eps = args.double("eps") ?? 1e-5
      run = { $0[0].groupNorm(groups, weight: $0[1], bias: $0[2], eps: eps) }
    case "batch_norm":
      let norm = RunningNorm(eps: args.double("eps") ?? 1e-5)
      run = { norm($0[0], $0[1], $0[2]) }
    case "matmul": run = { $0[0].matmul($0[1]) }
    case "linear": run = { $0[0].linear($0[1], $0[2]) }
    case "conv1d":
      let dilation = args.int("dilation") ?? 1
      let groups = args.int("groups") ?? 1
      run = {
        $0[0].conv1d(
          $0[1], $0.count > 2 ? $0[2] : nil, stride: stride, padding: padding, dilation: dilation, groups: groups)
      }
    case "conv2d":
      let dilation = args.int("dilation") ?? 1
      let groups = args.int("groups") ?? 1
      run = {
        $0[0].conv2d(
          $0[1], $0.count > 2 ? $0[2] : nil, stride: stride, padding: padding, dilation: dilation, groups: groups)
      }
    case "conv_transpose2d":
      run = { $0[0].convTranspose2d($0[1], $0.count > 2 ? $0[2] : nil, stride: stride, padding: padding) }
    case "max_pool2d":
      let kernel = try need(args.int("kernel"), "kernel")
      run = { $0[0].maxPool2d(kernel, stride: stride, padding: padding) }
    case "avg_pool2d":
      let kernel = try need(args.int("kernel"), "kernel")
      run = { $0[0].avgPool2d(kernel, stride: stride, padding: padding) }
    case "upsample":
      let factor = args.double("factor") ?? 2
      let mode: InterpolationMode = args.string("mode") == "bilinear" ? .bilinear : .nearest
      run = { $0[0].interpolate(scaleFactor: factor, mode: mode) }
    case "embedding": run = { $0[1].embedding($0[0]) }
    case "index_select":
      let d = try need(dim, "dim")
      run = { $0[0].indexSelect(dim: d, index: $0[1]) }
    case "gather":
      let d = try need(dim, "dim")
      run = { $0[0].gather(dim: d, index: $0[1]) }
    case "scatter_add":
      let d = try need(dim, "dim")
      run = { $0[0].scatterAdd(dim: d, index: $0[1], src: $0[2]) }
    case "sort":
      let d = try need(dim, "dim")
      run = { $0[0].sort(dim: d).values }
    case "topk":
      let d = try need(dim, "dim")
      let k = try need(args.int("k"), "k")
      run = { $0[0].topk(k, dim: d).values }
    case "cat":
      let d = try need(dim, "dim")
      run = { Tensor.cat($0, dim: d) }
    case "permute_copy":
      let order = args.ints("dims") ?? []
      run = { $0[0].permute(order).contiguous() }
    case "dropout":
      let p = args.double("p") ?? 0.5
      run = { $0[0].dropout(p) }
    case "cross_entropy": run = { $0[0].crossEntropy($0[1]) }
    case "mse_loss": run = { $0[0].mseLoss($0[1]) }
    case "sdpa":
      let causal = args.bool("causal")
      run = { $0[0].scaledDotProductAttention($0[1], $0[2], isCausal: causal) }
    case "lstm", "gru": run = try recurrentLayer(w, &inputs)
    default: throw BenchError("unknown operation \(w.op)")
    }
  }
}

/// The running statistics that batch norm updates in each call.
private final class RunningNorm {
  let eps: Double
  var mean: Tensor?
  var variance: Tensor?

  init(eps: Double) { self.eps = eps }

  func callAsFunction(_ x: Tensor, _ weight: Tensor, _ bias: Tensor) -> Tensor {
    let result = x.batchNorm(
      runningMean: mean ?? .zeros(Array(weight.shape), dtype: weight.dtype),
      runningVar: variance ?? .ones(Array(weight.shape), dtype: weight.dtype), weight: weight, bias: bias,
      training: true, momentum: 0.1, eps: eps)
    mean = result.runningMean
    variance = result.runningVar
    return result.output
  }
}

/// A layer whose parameters take the place of the inputs after the first.
private func recurrentLayer(_ w: Workload, _ inputs: inout [Tensor]) throws -> ([Tensor]) -> Tensor {
  guard inputs.count == 5 else { throw BenchError("\(w.op) needs x, w_ih, w_hh, b_ih, b_hh") }
  let (input, hidden) = (inputs[0].shape[2], inputs[2].shape[1])
  let layer: RecurrentNetwork
  let run: ([Tensor]) -> Tensor
  if w.op == "lstm" {
    let lstm = LSTM(input, hidden, batchFirst: true)
    layer = lstm
    run = { lstm($0[0]).output }
  } else {
    let gru = GRU(input, hidden, batchFirst: true)
    layer = gru
    run = { gru($0[0]).output }
  }
  for (i, cell) in layer.parameters().enumerated() {
    cell.tensor = inputs[i + 1]
    inputs[i + 1] = cell.tensor
  }
  return run
}

/// How an input of an operation is made.
struct TensorSource {
  let shape: [Int]
  var index: Int?
  var scale = 1.0
  var offset = 0.0

  init?(_ entry: Any) {
    if let shape = entry as? [Int] {
      self.shape = shape
    } else if let fields = entry as? [String: Any], let shape = fields["shape"] as? [Int] {
      let fields = Workload(fields)
      self.shape = shape
      index = fields.int("index")
      scale = fields.double("scale") ?? 1
      offset = fields.double("offset") ?? 0
    } else {
      return nil
    }
  }

  func make(_ number: UInt32, _ dtype: DType) -> Tensor {
    if let index { return integers(number, shape, index) }
    return (unit(number, shape) * scale + offset).to(dtype)
  }
}

/// Runs an operation n times, and what one iteration computed.
func buildOperation(_ w: Workload) throws -> Built {
  let dtype = try w.dtype()
  let isBackward = w.bool("backward")
  let records = w.bool("record")
  var inputs: [Tensor] = []
  for (i, entry) in w.inputs.enumerated() {
    guard let source = TensorSource(entry) else { throw BenchError("input \(i) of \(w.name) has no shape") }
    var x = source.make(Numbers.input + UInt32(i), dtype).laidOut(channelsLast: w.bool("channels_last"))
    if (isBackward || records) && x.dtype.isFloatingPoint { x = x.requiringGrad() }
    inputs.append(x)
  }
  let op = try Operation(w, &inputs)
  let x = inputs
  guard isBackward else {
    if records {  // the result is dropped at once
      let y = op.run(x)
      return Built(echo: [checksum(y)]) { n in for _ in 0..<n { _ = op.run(x) } }
    }
    return noGrad {
      let y = op.run(x)
      return Built(echo: [checksum(y)]) { n in noGrad { for _ in 0..<n { _ = op.run(x) } } }
    }
  }
  let leaves = x.filter(\.requiresGrad)
  let y = op.run(x)
  let g = unit(Numbers.gradient, Array(y.shape), dtype: dtype).laidOut(channelsLast: w.bool("channels_last"))
  let run: (Int) -> Void = { n in
    for _ in 0..<n {
      for leaf in leaves { leaf.grad = nil }
      op.run(x).backward(gradient: g)
    }
  }
  run(1)
  return Built(echo: [checksum(y)] + leaves.compactMap { $0.grad.map(checksum) }, run)
}
