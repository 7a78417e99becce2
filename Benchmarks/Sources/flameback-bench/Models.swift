import Flameback

/// Fully connected layers with an activation between them.
func perceptron(_ layers: [Int], _ activation: () -> any UnaryLayer = { ReLU() }) -> [any UnaryLayer] {
  var result: [any UnaryLayer] = []
  for (i, pair) in zip(layers, layers.dropFirst()).enumerated() {
    if i > 0 { result.append(activation()) }
    result.append(Linear(pair.0, pair.1))
  }
  return result
}

func convNet(classes: Int) -> Sequential {
  Sequential(
    [
      Conv2d(3, 6, kernelSize: 5), ReLU(), MaxPool2d(2), Conv2d(6, 16, kernelSize: 5), ReLU(), MaxPool2d(2), Flatten(),
    ] + perceptron([400, 120, 84, classes]))
}

func vgg11(classes: Int, hidden: Int, pool: Int) -> Sequential {
  var layers: [any UnaryLayer] = []
  var channels = 3
  for n in [64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0] {
    if n == 0 {
      layers.append(MaxPool2d(2))
    } else {
      layers += [Conv2d(channels, n, kernelSize: 3, padding: 1), ReLU()] as [any UnaryLayer]
      channels = n
    }
  }
  layers += [AdaptiveAvgPool2d(pool), Flatten()] as [any UnaryLayer]
  return Sequential(layers + perceptron([512 * pool * pool, hidden, hidden, classes]))
}

final class Residual: Module, UnaryLayer {
  let body: Sequential
  let down: Sequential?
  let last: BatchNorm2d

  init(_ channels: Int, _ width: Int, stride: Int, bottleneck: Bool) {
    let out = width * (bottleneck ? 4 : 1)
    let plan =
      bottleneck
      ? [(channels, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
      : [(channels, width, 3, stride), (width, out, 3, 1)]
    var layers: [any UnaryLayer] = []
    var norm = BatchNorm2d(out)
    for (i, (a, b, kernel, stride)) in plan.enumerated() {
      if i > 0 { layers.append(ReLU()) }
      norm = BatchNorm2d(b)
      layers +=
        [
          Conv2d(a, b, kernelSize: kernel, stride: stride, padding: kernel / 2, bias: false), norm,
        ] as [any UnaryLayer]
    }
    body = Sequential(layers)
    last = norm
    down =
      stride > 1 || channels != out
      ? Sequential(Conv2d(channels, out, kernelSize: 1, stride: stride, bias: false), BatchNorm2d(out)) : nil
  }

  func callAsFunction(_ x: Tensor) -> Tensor { (body(x) + (down?(x) ?? x)).relu() }
}

func resNet(depth: Int, classes: Int) throws -> Sequential {
  guard
    let (counts, bottleneck) = [18: ([2, 2, 2, 2], false), 34: ([3, 4, 6, 3], false), 50: ([3, 4, 6, 3], true)][depth]
  else { throw BenchError("no ResNet of depth \(depth)") }
  var layers: [any UnaryLayer] = [
    Conv2d(3, 64, kernelSize: 7, stride: 2, padding: 3, bias: false), BatchNorm2d(64), ReLU(),
    MaxPool2d(3, stride: 2, padding: 1),
  ]
  var channels = 64
  for (stage, count) in counts.enumerated() {
    for i in 0..<count {
      let width = 64 << stage
      layers.append(Residual(channels, width, stride: stage > 0 && i == 0 ? 2 : 1, bottleneck: bottleneck))
      channels = width * (bottleneck ? 4 : 1)
    }
  }
  return Sequential(layers + [AdaptiveAvgPool2d(1), Flatten(), Linear(channels, classes)] as [any UnaryLayer])
}

final class SequenceClassifier: Module, UnaryLayer {
  let embed: Embedding
  let lstm: LSTM
  let head: Linear

  init(_ p: Workload) throws {
    embed = Embedding(try p.required("vocab"), try p.required("embed"))
    lstm = LSTM(
      try p.required("embed"), try p.required("hidden"), numLayers: try p.required("layers"), batchFirst: true)
    head = Linear(try p.required("hidden"), try p.required("classes"))
  }

  func callAsFunction(_ x: Tensor) -> Tensor { head(lstm(embed(x)).output.select(dim: 1, index: -1)) }
}

final class Block: Module, UnaryLayer {
  let ln1: LayerNorm
  let qkv: Linear
  let proj: Linear
  let ln2: LayerNorm
  let fc1: Linear
  let fc2: Linear
  let heads: Int
  let causal: Bool
  let post: Bool
  var dropout = 0.0

  init(dim: Int, heads: Int, ff: Int, causal: Bool, post: Bool) {
    ln1 = LayerNorm(dim)
    qkv = Linear(dim, 3 * dim)
    proj = Linear(dim, dim)
    ln2 = LayerNorm(dim)
    fc1 = Linear(dim, ff)
    fc2 = Linear(ff, dim)
    self.heads = heads
    self.causal = causal
    self.post = post
  }

  private func drop(_ x: Tensor) -> Tensor { dropout > 0 ? x.dropout(dropout, training: isTraining) : x }

  private func attend(_ x: Tensor) -> Tensor {
    let (b, s, d) = (x.shape[0], x.shape[1], x.shape[2])
    let parts = qkv(x).view([b, s, 3, heads, d / heads]).permute([2, 0, 3, 1, 4]).unbind(dim: 0)
    let y = parts[0].scaledDotProductAttention(
      parts[1], parts[2], dropout: isTraining ? dropout : 0, isCausal: causal)
    return drop(proj(y.transpose(1, 2).reshape([b, s, d])))
  }

  private func feed(_ x: Tensor) -> Tensor { drop(fc2(fc1(x).gelu(approximate: causal ? .tanh : .none))) }

  func callAsFunction(_ x: Tensor) -> Tensor {
    if post {
      let x = ln1(x + attend(x))
      return ln2(x + feed(x))
    }
    let x = x + attend(ln1(x))
    return x + feed(ln2(x))
  }
}

/// `encoder` and `gpt`.
final class Transformer: Module, UnaryLayer {
  let tok: Embedding
  let pos: Embedding
  let ln0: LayerNorm?
  let blocks: Sequential
  let ln: LayerNorm?
  /// None where the token embedding's matrix is the head.
  let head: Linear?
  let isGPT: Bool
  let isTied: Bool
  let pool: String
  var dropout = 0.0

  init(_ p: Workload, isGPT: Bool) throws {
    let dim = try p.required("dim")
    let vocab = try p.required("vocab")
    let post = p.string("norm") == "post" && !isGPT
    self.isGPT = isGPT
    isTied = isGPT && (p.fields["tied"] == nil || p.bool("tied"))
    pool = p.string("pool") ?? "mean"
    tok = Embedding(vocab, dim)
    pos = Embedding(try p.required("seq"), dim)
    ln0 = post ? LayerNorm(dim) : nil
    let heads = try p.required("heads")
    let ff = try p.required("ff")
    blocks = Sequential(
      (0..<(try p.required("layers"))).map { _ in
        Block(dim: dim, heads: heads, ff: ff, causal: isGPT, post: post)
      })
    ln = post ? nil : LayerNorm(dim)
    head = isTied ? nil : isGPT ? Linear(dim, vocab, bias: false) : Linear(dim, try p.required("classes"))
  }

  func setDropout(_ p: Double) {
    dropout = p
    for block in blocks { (block as? Block)?.dropout = p }
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    var x = tok(x) + pos(Tensor.arange(x.shape[1]))
    if let ln0 { x = ln0(x) }
    if dropout > 0 { x = x.dropout(dropout, training: isTraining) }
    x = blocks(x)
    if let ln { x = ln(x) }
    if isGPT { return head?(x) ?? x.linear(tok.weight) }
    return head!(pool == "mean" ? x.mean(dim: 1) : x.select(dim: 1, index: 0))
  }
}

/// Generator and discriminator.
func dcgan(_ p: Workload) throws -> (generator: Sequential, discriminator: Sequential) {
  let (ngf, ndf, image) = (try p.required("ngf"), try p.required("ndf"), try p.required("image"))
  let colours = try p.required("channels")
  let steps = image.trailingZeroBitCount - 3
  var g: [any UnaryLayer] = []
  var channels = try p.required("z")
  for i in stride(from: steps, through: 0, by: -1) {
    let isFirst = i == steps
    g +=
      [
        ConvTranspose2d(
          channels, ngf << i, kernelSize: 4, stride: isFirst ? 1 : 2, padding: isFirst ? 0 : 1, bias: false),
        BatchNorm2d(ngf << i), ReLU(),
      ] as [any UnaryLayer]
    channels = ngf << i
  }
  g +=
    [ConvTranspose2d(channels, colours, kernelSize: 4, stride: 2, padding: 1, bias: false), Tanh()] as [any UnaryLayer]
  var d: [any UnaryLayer] = []
  channels = colours
  for i in 0...steps {
    d.append(Conv2d(channels, ndf << i, kernelSize: 4, stride: 2, padding: 1, bias: false))
    if i > 0 { d.append(BatchNorm2d(ndf << i)) }
    d.append(LeakyReLU(0.2))
    channels = ndf << i
  }
  d += [Conv2d(channels, 1, kernelSize: 4, bias: false), Flatten(startDim: 0)] as [any UnaryLayer]
  return (Sequential(g), Sequential(d))
}

func buildModel(_ w: Workload) throws -> any UnaryLayer {
  let p = w.params
  switch w.model {
  case "mlp":
    let activation = p.string("activation") ?? "relu"
    let layers = perceptron(p.ints("layers") ?? []) {
      switch activation {
      case "tanh": Tanh()
      case "gelu": GELU()
      default: ReLU()
      }
    }
    return Sequential(layers)
  case "autoencoder": return Sequential(perceptron(p.ints("layers") ?? []) + [Sigmoid()] as [any UnaryLayer])
  case "convnet": return convNet(classes: try p.required("classes"))
  case "vgg11":
    return vgg11(
      classes: try p.required("classes"), hidden: try p.required("hidden"), pool: try p.required("pool"))
  case "resnet": return try resNet(depth: try p.required("depth"), classes: try p.required("classes"))
  case "lstm": return try SequenceClassifier(p)
  case "encoder": return try Transformer(p, isGPT: false)
  case "gpt": return try Transformer(p, isGPT: true)
  default: throw BenchError("unknown model \(w.model)")
  }
}

/// Fills the parameters in order, from tensor number `first` on; returns the number of the next tensor.
@discardableResult
func initialize(_ model: Module, _ dtype: DType, first: UInt32 = 0, channelsLast: Bool = false) -> UInt32 {
  let scales = Set(
    model.modules.compactMap { ($0 as? StatisticsNorm)?.$weight ?? ($0 as? LayerNorm)?.$weight }.map(
      ObjectIdentifier.init))
  var number = first
  for cell in model.parameters() {
    let shape = Array(cell.tensor.shape)
    let v = unit(number, shape)
    if shape.count > 1 {
      cell.tensor = v * (6 * Double(shape[0]) / Double(v.elementCount)).squareRoot()
    } else {
      cell.tensor = scales.contains(ObjectIdentifier(cell)) ? 1 + 0.1 * v : 0.1 * v
    }
    number += 1
  }
  for case let block as Residual in model.modules { block.last.weight = block.last.weight! * 0.2 }
  model.to(dtype)
  if channelsLast {
    for cell in model.parameters() { cell.tensor = cell.tensor.detached().laidOut(channelsLast: true) }
  }
  return number
}
