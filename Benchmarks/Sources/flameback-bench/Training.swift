import Flameback

/// The input and the target of a model.
func makeBatch(_ w: Workload, _ dtype: DType) throws -> (x: Tensor, target: Tensor) {
  let p = w.params
  let b = w.batch
  switch w.model {
  case "lstm", "encoder", "gpt":
    let seq = try p.required("seq")
    let vocab = try p.required("vocab")
    let isGPT = w.model == "gpt"
    return (
      integers(Numbers.input, [b, seq], vocab),
      integers(Numbers.input + 1, isGPT ? [b, seq] : [b], isGPT ? vocab : try p.required("classes"))
    )
  case "mlp":
    let layers = p.ints("layers") ?? []
    return (
      unit(Numbers.input, [b, layers[0]], dtype: dtype), integers(Numbers.input + 1, [b], layers[layers.count - 1])
    )
  case "autoencoder":
    let x = (0.5 + 0.5 * unit(Numbers.input, [b, (p.ints("layers") ?? [0])[0]])).to(dtype)
    return (x, x)
  default:
    let size = p.int("image") ?? 32
    let x = unit(Numbers.input, [b, 3, size, size], dtype: dtype).laidOut(channelsLast: w.bool("channels_last"))
    return (x, integers(Numbers.input + 1, [b], p.int("classes") ?? 10))
  }
}

func makeOptimizer(_ model: Module, _ o: Workload) throws -> Optimizer {
  let lr = o.double("lr") ?? 1e-3
  let betas = o.doubles("betas") ?? [0.9, 0.999]
  let eps = o.double("eps") ?? 1e-8
  switch o.string("name") {
  case "sgd":
    return SGD(
      model.parameters(), lr: lr, momentum: o.double("momentum") ?? 0, weightDecay: o.double("weight_decay") ?? 0)
  case "adam":
    return Adam(
      model.parameters(), lr: lr, betas: (betas[0], betas[1]), eps: eps, weightDecay: o.double("weight_decay") ?? 0)
  case "adamw":
    return AdamW(
      model.parameters(), lr: lr, betas: (betas[0], betas[1]), eps: eps, weightDecay: o.double("weight_decay") ?? 0.01)
  default: throw BenchError("unknown optimizer \(o.string("name") ?? "")")
  }
}

/// A training step that returns its loss, and what to call after the steps of the echo.
func trainStep(_ w: Workload) throws -> (step: () -> Tensor, begin: () -> Void) {
  let dtype = try w.dtype()
  if w.model == "dcgan" { return (try adversarialStep(w, dtype), {}) }
  let model = try buildModel(w)
  initialize(model, dtype, channelsLast: w.bool("channels_last"))
  let (x, target) = try makeBatch(w, dtype)
  let optimizer = try makeOptimizer(model, w.optimizer)
  let isAutoencoder = w.model == "autoencoder"
  let isMixed = w.isMixed
  let flatTarget = isAutoencoder ? target : target.flatten()
  let (forward, reset) = w.forward(of: model)
  let step = {
    optimizer.zeroGrad()
    let loss = autocast(enabled: isMixed) {
      let y = forward(x)
      return isAutoencoder ? y.mseLoss(target) : y.flatten(startDim: 0, endDim: -2).crossEntropy(flatTarget)
    }
    loss.backward()
    optimizer.step()
    return loss.detached()
  }
  let dropout = w.params.double("dropout") ?? 0
  let begin = {
    guard dropout > 0 else { return }
    (model as? Transformer)?.setDropout(dropout)
    reset()
  }
  return (step, begin)
}

private func adversarialStep(_ w: Workload, _ dtype: DType) throws -> () -> Tensor {
  let (g, d) = try dcgan(w.params)
  let channelsLast = w.bool("channels_last")
  let next = initialize(g, dtype, channelsLast: channelsLast)
  initialize(d, dtype, first: next, channelsLast: channelsLast)
  let p = w.params
  let size = try p.required("image")
  let real = unit(Numbers.input, [w.batch, try p.required("channels"), size, size], dtype: dtype)
    .laidOut(channelsLast: channelsLast)
  let z = unit(Numbers.input + 1, [w.batch, try p.required("z"), 1, 1], dtype: dtype)
  let optimizerG = try makeOptimizer(g, w.optimizer)
  let optimizerD = try makeOptimizer(d, w.optimizer)
  let one = Tensor.ones([w.batch], dtype: dtype)
  let zero = Tensor.zeros([w.batch], dtype: dtype)
  let isMixed = w.isMixed
  let (generated, judged) = (w.forward(of: g).call, w.forward(of: d).call)
  return {
    optimizerD.zeroGrad()
    let (fake, lossD) = autocast(enabled: isMixed) {
      let fake = generated(z)
      return (
        fake,
        judged(real).binaryCrossEntropyWithLogits(one)
          + judged(fake.detached()).binaryCrossEntropyWithLogits(zero)
      )
    }
    lossD.backward()
    optimizerD.step()
    optimizerG.zeroGrad()
    let lossG = autocast(enabled: isMixed) { judged(fake).binaryCrossEntropyWithLogits(one) }
    lossG.backward()
    optimizerG.step()
    return lossD.detached() + lossG.detached()
  }
}

func buildTraining(_ w: Workload) throws -> Built {
  let (step, begin) = try trainStep(w)
  let losses = (0..<3).map { _ in step().itemDouble() }
  begin()
  return Built(echo: losses, items: w.batch) { n in for _ in 0..<n { _ = step() } }
}

func buildInference(_ w: Workload) throws -> Built {
  let dtype = try w.dtype()
  let model = try buildModel(w)
  initialize(model, dtype, channelsLast: w.bool("channels_last"))
  model.eval()
  let (x, _) = try makeBatch(w, dtype)
  let isMixed = w.isMixed
  let call = w.forward(of: model).call
  func forward() -> Tensor { inferenceMode { autocast(enabled: isMixed) { call(x) } } }
  let y = forward()
  return Built(echo: [checksum(y)], items: w.batch) { n in for _ in 0..<n { _ = forward() } }
}

/// Trains for some steps and returns the peak of the resident memory.
func memoryFields(_ w: Workload) throws -> [(String, JSONValue)] {
  let base = statusBytes("VmRSS")
  let (step, begin) = try trainStep(w)
  let losses = (0..<3).map { _ in step().itemDouble() }
  begin()
  for _ in 0..<max(0, (w.int("steps") ?? 5) - 3) { _ = step() }
  let peak = statusBytes("VmHWM")
  return [
    ("unit", .text("B")), ("median", .integer(peak)), ("min", .integer(peak)), ("samples", .integer(1)),
    ("inner", .integer(1)), ("echo", .numbers(losses)), ("compiled", .flag(w.isCompiled)), ("base", .integer(base)),
    ("host", .integer(peak)),
  ]
}
