import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// One case of kind `averaged`: running averages of a model's states.
struct AveragedCase {
  let file: CaseFile
  let json: JSON

  private func build() throws -> Module {
    try ModuleTable.build(json["module"]?.string ?? "", file.values(json["args"], inputs: []), []).module
  }

  func run() throws { try withErrors { try check() } }

  private func check() throws {
    let model = try build()
    try file.load(json["initial"], into: model, checkingNames: true)
    let copy = try build()
    let decay = json["decay"]?.double ?? 0
    let averaged = AveragedModel(
      of: model, average: json["mode"]?.string == "ema" ? .exponential(decay: decay) : .equal,
      useBuffers: json["use_buffers"]?.bool ?? false
    ) { copy }
    var comparison = Comparison(file: file, json: json)
    for (t, (update, expected)) in zip(json["updates"]?.array ?? [], json["expect"]?.array ?? []).enumerated() {
      try file.load(update, into: model, checkingNames: true)
      averaged.updateParameters(model)
      let state = averaged.stateDict()
      let names = (expected.array ?? []).map { $0[0]?.string ?? "" }
      guard state.keys == names else { throw Mismatch("the state dict has \(state.keys), expected \(names)") }
      for (entry, (name, tensor)) in zip(expected.array ?? [], state) {
        try comparison.compare(tensor, entry[1] ?? .null, place: "'\(name)' after update \(t + 1)")
      }
    }
  }
}

/// One case of kind `gradscaler`: steps with scaled losses, some of which overflow.
struct GradScalerCase {
  let file: CaseFile
  let json: JSON

  func run() throws { try withErrors { try check() } }

  private func check() throws {
    let x = ParameterCell(try file.tensor(json["params"]?[0] ?? .null))
    let optimizer = try OptimizerTable.build(
      json["optimizer"]?.string ?? "", [ParameterGroup([x])], file.keywords(json["optimizer_kwargs"], inputs: []))
    let options = json["kwargs"]
    func option(_ name: String, _ fallback: Double) throws -> Double {
      try options?[name].map { try file.value($0) }?.scalar?.double ?? fallback
    }
    let scaler = GradScaler(
      initScale: try option("init_scale", 65536), growthFactor: try option("growth_factor", 2),
      backoffFactor: try option("backoff_factor", 0.5), growthInterval: Int(try option("growth_interval", 2000)))
    var comparison = Comparison(file: file, json: json)
    for (t, weights) in (json["weights"]?.array ?? []).enumerated() {
      optimizer.zeroGrad()
      let loss = (x.tensor * (try file.tensor(weights))).sum()
      scaler.scale(loss).backward()
      scaler.step(optimizer)
      scaler.update()
      try comparison.compare(x.tensor, json["expect"]?[t] ?? .null, place: "x after step \(t + 1)")
      let scale = try CaseFile.number(json["scales"]?[t] ?? .null)
      guard scaler.scale == scale else {
        throw Mismatch("the scale after step \(t + 1) is \(scaler.scale), expected \(scale)")
      }
    }
  }
}
