import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// The states and inputs that section 10 of the format gives by a formula instead of storing them.
enum FilledState {
  /// `fill(n, j, salt)`: numbers between -1 and 1.
  static func fill(_ count: Int, _ index: Int, _ salt: Int) -> [Double] {
    (0..<count).map { i in
      var x = UInt32(truncatingIfNeeded: i + (index + 1) * 1_000_003 + salt * 7919)
      x ^= x >> 16
      x = x &* 0x85EB_CA6B
      x ^= x >> 13
      x = x &* 0xC2B2_AE35
      x ^= x >> 16
      return Double(x) / 2_147_483_648 - 1
    }
  }

  /// An input `{"shape": …, "index": j, "salt": s}`.
  static func input(_ json: JSON) -> Tensor {
    let shape = Shape((json["shape"]?.array ?? []).compactMap(\.int))
    let values = fill(shape.elementCount, json["index"]?.int ?? 0, json["salt"]?.int ?? 0)
    return Tensor(values, shape: shape, dtype: .float32)
  }

  /// Gives every entry of the module's state dict its numbers.
  static func fill(_ module: Module, salt: Int) throws {
    var state = StateDict()
    for (j, (name, tensor)) in module.stateDict().enumerated() {
      let count = tensor.elementCount
      var values: [Double]
      if tensor.dtype.isInteger {
        values = Array(repeating: 0, count: count)
      } else {
        values = fill(count, j, salt)
        if name.hasSuffix("running_var") {
          values = values.map { 1 + 0.5 * abs($0) }
        } else if tensor.rank >= 2 {
          let scale = (6 / Double(max(count / tensor.shape[0], 1))).squareRoot()
          values = values.map { $0 * scale }
        } else if name.hasSuffix("weight") {
          values = values.map { 1 + 0.1 * $0 }
        } else {
          values = values.map { 0.1 * $0 }
        }
      }
      state[name] = Tensor(values, shape: tensor.shape, dtype: tensor.dtype)
    }
    try module.load(state)
  }

  /// Checks names, shapes and dtypes `[[name, shape, dtype], …]` of a state dict.
  static func check(_ module: Module, _ expected: JSON?) throws {
    let state = module.stateDict()
    let entries = expected?.array ?? []
    let names = entries.map { $0[0]?.string ?? "" }
    guard state.keys == names else {
      let missing = names.filter { state[$0] == nil }
      let extra = state.keys.filter { !names.contains($0) }
      throw Mismatch("the state dict lacks \(missing.prefix(5)), has \(extra.prefix(5)) too much, or the order differs")
    }
    for (entry, (name, tensor)) in zip(entries, state) {
      let shape = (entry[1]?.array ?? []).compactMap(\.int)
      guard tensor.shape.array == shape, tensor.dtype.name == entry[2]?.string ?? tensor.dtype.name else {
        throw Mismatch("'\(name)' is \(tensor.spec), expected \(entry[2]?.string ?? "") \(Shape(shape))")
      }
    }
  }
}

/// One case of kind `models`: a model's state dict, and its output on a filled input.
struct ModelCase {
  let file: CaseFile
  let json: JSON

  func build(_ kwargs: JSON?) throws -> BuiltModule {
    let keywords = try file.keywords(kwargs, inputs: [])
    return try withErrors {
      try ModuleTable.build("torchvision.models.\(json["model"]?.string ?? "")", [], keywords)
    }
  }

  func run() throws {
    let built = try build(nil)
    try FilledState.check(built.module, json["state"])
    let count = built.module.parameterCount
    guard count == json["parameters"]?.int else {
      throw Mismatch("there are \(count) parameters, expected \(json["parameters"]?.int ?? 0)")
    }
    guard let forward = json["forward"] else { return }
    let model = try build(forward["kwargs"])
    if let state = forward["state"], state.array != nil { try FilledState.check(model.module, state) }
    let output = try withErrors {
      model.module.eval()
      try FilledState.fill(model.module, salt: forward["fill_salt"]?.int ?? 0)
      let x = FilledState.input(forward["x_fill"] ?? .null)
      return try noGrad { try model.forward(Call("forward", [.tensor(x)])) }
    }
    var comparison = Comparison(file: file, json: forward)
    try comparison.compare(output, forward["expect"] ?? .null)
  }
}

/// One case of kind `train`: a short training run.
struct TrainCase {
  let file: CaseFile
  let json: JSON

  func run() throws { try withErrors { try train() } }

  private func train() throws {
    let inputs = try (json["inputs"]?.array ?? []).map { try file.tensor($0) }
    let model = try ModuleTable.build(file.value(json["model"] ?? .null, inputs: inputs))
    try FilledState.check(model.module, json["state_shapes"])
    try FilledState.fill(model.module, salt: json["fill_salt"]?.int ?? 0)
    model.module.train()
    let loss = try ModuleTable.build(file.value(json["loss"] ?? .null, inputs: inputs))
    let optimizer = try OptimizerTable.build(
      json["optimizer"]?.string ?? "", [ParameterGroup(model.module.parameters())],
      file.keywords(json["optimizer_kwargs"], inputs: inputs))
    let scheduler = try json["scheduler"].map { scheduler in
      try SchedulerTable.build(
        scheduler["scheduler"]?.string ?? "", optimizer, file.values(scheduler["args"], inputs: inputs),
        file.keywords(scheduler["kwargs"], inputs: inputs))
    }
    let batches = try (json["batches"]?.array ?? []).map {
      (
        x: try $0["x_fill"].map { FilledState.input($0) } ?? file.tensor($0["x"] ?? .null),
        y: try file.tensor($0["y"] ?? .null)
      )
    }
    let rtol = json["rtol"]?.double ?? 0
    for t in 0..<(json["steps"]?.int ?? 0) {
      let batch = batches[t % batches.count]
      optimizer.zeroGrad()
      let output = try model.forward(Call("forward", [.tensor(batch.x)]))
      guard let value = try loss.forward(Call("forward", [output, .tensor(batch.y)])).tensor else {
        throw Mismatch("the loss is no tensor")
      }
      value.backward()
      try check(value.itemDouble(), json["losses"]?[t], rtol, "loss of step \(t)")
      if let limit = json["clip_grad_norm"]?.double {
        guard let entry = OperatorTable.find("nn.utils.clip_grad_norm_")?.entry else {
          throw UnknownOperation("nn.utils.clip_grad_norm_")
        }
        let parameters = model.module.parameters().map { Value.tensor($0.tensor) }
        let norm = try entry(Call("nn.utils.clip_grad_norm_", [.list(parameters), .float(limit)]))
        try check(norm.tensor?.itemDouble() ?? .nan, json["grad_norms"]?[t], rtol, "gradient norm of step \(t)")
      }
      optimizer.step()
      try scheduler?.step()
    }
    try checkEnd(model, batches.last?.x, rtol)
  }

  private func checkEnd(_ model: BuiltModule, _ x: Tensor?, _ rtol: Double) throws {
    model.module.eval()
    if let x, let expected = json["eval_output"] {
      guard let output = try noGrad({ try model.forward(Call("forward", [.tensor(x)])) }).tensor else {
        throw Mismatch("the output is no tensor")
      }
      try Comparison.compare(
        HostArray(output), file.array(expected), rtol: 0, atol: json["atol"]?.double ?? 0, place: "evaluation output")
    }
    let state = model.module.stateDict()
    for entry in json["final_state_sums"]?.array ?? [] {
      let name = entry[0]?.string ?? ""
      guard let tensor = state[name] else { throw Mismatch("there is no '\(name)' in the state dict") }
      let values = tensor.scalars(Double.self)
      let size = entry[2]?.double ?? 0
      for (got, wanted) in [(values.reduce(0, +), entry[1]), (values.reduce(0) { $0 + abs($1) }, entry[2])] {
        guard abs(got - (wanted?.double ?? 0)) <= 100 * rtol * size else {
          throw Mismatch("the sum of '\(name)' is \(got), expected \(wanted?.double ?? 0)")
        }
      }
    }
  }

  private func check(_ got: Double, _ expected: JSON?, _ rtol: Double, _ what: String) throws {
    let wanted = try CaseFile.number(expected ?? .null)
    guard abs(got - wanted) <= rtol * abs(wanted) else { throw Mismatch("\(what) is \(got), expected \(wanted)") }
  }
}
