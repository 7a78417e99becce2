import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// One case of kind `ops`: the call in all its spellings, the result, mutations, gradients of first and second order.
struct OperatorCase {
  let file: CaseFile
  let json: JSON
  let device: Device

  func run() throws {
    let inputs = try (json["inputs"]?.array ?? []).map { try file.tensor($0, device: device) }
    let name = json["fn"]?.string ?? ""
    let form = json["form"]?.string ?? "function"
    if json["error"]?.bool == true { return try expectError(name, form, inputs) }
    try check(name, form, inputs)
    for other in json["also"]?.array ?? [] {
      let other = other.string ?? ""
      do { try check(other, other.hasPrefix("Tensor.") ? "method" : "function", inputs) } catch {
        throw Mismatch("as \(other): \(error)")
      }
    }
    try checkUntouched(inputs)
  }

  /// Tensors are values: no call, in place or not, may have written to the memory of an input.
  private func checkUntouched(_ inputs: [Tensor]) throws {
    for (i, descriptor) in (json["inputs"]?.array ?? []).enumerated() {
      let fresh = try file.tensor(descriptor)
      let isSame = inputs[i].withHostBytes { now in fresh.withHostBytes { now.elementsEqual($0) } }
      if !isSame { throw Mismatch("the call wrote to the memory of input \(i)") }
    }
  }

  private func expectError(_ name: String, _ form: String, _ inputs: [Tensor]) throws {
    do { _ = try OperatorCall(file, json, name, form, inputs).run() } catch let error as UnknownOperation {
      throw error
    } catch {
      return
    }
    throw Mismatch("must fail: \(json["message"]?.string ?? "")")
  }

  private func check(_ name: String, _ form: String, _ inputs: [Tensor]) throws {
    manualSeed(0)  // as the cases that draw were recorded
    let call = try OperatorCall(file, json, name, form, inputs)
    let output = try call.run()
    var comparison = Comparison(file: file, json: json, inputs: inputs)
    if form != "setitem" { try comparison.compare(output, json["expect"] ?? .null) }
    for mutated in json["mutated"]?.array ?? [] {
      let i = mutated["input"]?.int ?? -1
      guard let tensor = call.contents(ofInput: i) else { throw Mismatch("input \(i) did not change") }
      try comparison.compare(tensor, mutated["tensor"] ?? .null, place: "input \(i) after the call")
    }
    guard let backward = json["backward"] else { return }
    let result = form == "setitem" ? call.contents(ofInput: 0).map(Value.tensor) ?? .none : output
    try Gradients(file: file, inputs: inputs, alignments: comparison.alignments, device: device)
      .check(result, backward, second: json["backward2"])
  }
}

/// One spelling of a recorded call, ready to run.
final class OperatorCall {
  private let file: CaseFile
  private let form: String
  private let call: Call
  private let entry: OperatorTable.Entry
  let isInPlace: Bool
  private let needsCast: Bool
  private let argumentInputs: [Int?]
  private let keywordInputs: [String: Int]
  private var changed: [Int: Tensor] = [:]

  init(
    _ file: CaseFile, _ json: JSON, _ name: String, _ form: String, _ inputs: [Tensor],
    variables: [String: Value] = [:]
  ) throws {
    guard let (entry, needsCast) = OperatorTable.find(name, op: file.op, aliases: file.aliases) else {
      throw UnknownOperation(name)
    }
    self.file = file
    self.form = form
    self.entry = entry
    self.needsCast = needsCast
    isInPlace = name.hasSuffix("_") && !name.hasSuffix("__") && form != "on_grads"
    var args = try file.values(json["args"], inputs: inputs, variables: variables)
    if form == "on_grads" { args[0] = OperatorCall.parameters(args[0]) }
    call = Call(name, args, try file.keywords(json["kwargs"], inputs: inputs, variables: variables))
    call.isInPlace = isInPlace
    argumentInputs = (json["args"]?.array ?? []).map { $0["input"]?.int }
    var named: [String: Int] = [:]
    for member in json["kwargs"]?.object ?? [:] { named[member.key] = member.value["input"]?.int }
    keywordInputs = named
  }

  /// Parameters (zeros) that have these gradients.
  private static func parameters(_ gradients: Value) -> Value {
    .list(
      gradients.allTensors.map { gradient in
        let zeros = Tensor(
          [Double](repeating: 0, count: gradient.elementCount), shape: gradient.shape, dtype: gradient.dtype,
          device: gradient.device, requiresGrad: true)
        zeros.gradSlot?.grad = gradient
        return .tensor(zeros)
      })
  }

  /// Calls. Programmer errors are thrown.
  func run() throws -> Value {
    let output = try withErrors { () throws -> Value in
      let output = try entry(call)
      try call.finish()
      let result = needsCast ? try cast(output) : output
      try result.allTensors.first?.device.synchronize()  // errors of a device come to light here
      return result
    }
    for (argument, tensor) in call.mutations {
      switch argument {
      case .position(let i): if i < argumentInputs.count, let input = argumentInputs[i] { changed[input] = tensor }
      case .name(let name): if let input = keywordInputs[name] { changed[input] = tensor }
      }
    }
    if form == "on_grads" {
      for (i, parameter) in call.args[0].allTensors.enumerated() { changed[i] = parameter.grad }
    } else if isInPlace || form == "setitem", let input = argumentInputs.first ?? nil {
      changed[input] = output.tensor
    }
    return output
  }

  /// What the call made of an input; nil if it left it alone.
  func contents(ofInput i: Int) -> Tensor? { changed[i] }

  private static let changesShape: Set<String> = [
    "transpose", "t", "swapaxes", "swapdims", "squeeze", "unsqueeze", "resize", "resize_as", "as_strided", "set",
  ]

  /// The functional result as the in-place form stores it: of the target's dtype and shape.
  private func cast(_ output: Value) throws -> Value {
    guard let result = output.tensor, let target = call.args.first?.tensor else { return output }
    let name = call.name.split(separator: ".").last.map { String($0.dropLast()) } ?? ""
    if !OperatorCall.changesShape.contains(name), result.shape != target.shape, !result.isPoisoned {
      throw OpError(call.name, "the result has shape \(result.shape), the tensor written to \(target.shape)")
    }
    if result.dtype == target.dtype { return output }
    let (from, to) = (result.dtype.category, target.dtype.category)
    if from > to && !(from == .integer && to == .integer) {
      throw OpError(
        call.name, "result type \(result.dtype) cannot be cast to the type of the tensor written to, \(target.dtype)")
    }
    return .tensor(result.to(target.dtype))
  }
}
