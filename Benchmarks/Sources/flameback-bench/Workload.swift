import Flameback
import Foundation

/// One entry of a workload file: a JSON object with typed access. See WORKLOADS.md.
struct Workload {
  let fields: [String: Any]
  /// Whether models are called through `compile`.
  var compiles = false

  init(_ fields: [String: Any]) { self.fields = fields }

  var name: String { fields["name"] as? String ?? "" }
  var kind: String { fields["kind"] as? String ?? "" }
  var dtypeName: String { fields["dtype"] as? String ?? "fp32" }
  var op: String { fields["op"] as? String ?? "" }
  var model: String { fields["model"] as? String ?? "" }
  var batch: Int { int("batch") ?? 1 }
  var inputs: [Any] { fields["inputs"] as? [Any] ?? [] }
  var args: Workload { Workload(fields["args"] as? [String: Any] ?? [:]) }
  var params: Workload { Workload(fields["params"] as? [String: Any] ?? [:]) }
  var optimizer: Workload { Workload(fields["optimizer"] as? [String: Any] ?? [:]) }
  var time: Workload { Workload(fields["time"] as? [String: Any] ?? [:]) }

  func int(_ key: String) -> Int? { (fields[key] as? NSNumber)?.intValue }
  func double(_ key: String) -> Double? { (fields[key] as? NSNumber)?.doubleValue }
  func bool(_ key: String) -> Bool { (fields[key] as? NSNumber)?.boolValue ?? false }
  func string(_ key: String) -> String? { fields[key] as? String }
  func ints(_ key: String) -> [Int]? { (fields[key] as? [NSNumber])?.map(\.intValue) }
  func doubles(_ key: String) -> [Double]? { (fields[key] as? [NSNumber])?.map(\.doubleValue) }

  func required(_ key: String) throws -> Int {
    guard let value = int(key) else { throw BenchError("'\(key)' is missing in workload \(name)") }
    return value
  }

  /// Whether `compile` has a part in the workload.
  var isCompiled: Bool {
    compiles && ["train", "overhead", "infer", "memory"].contains(kind) && !model.isEmpty
  }

  /// The model's call, and what to do after its settings have changed.
  func forward(of model: any UnaryLayer) -> (call: (Tensor) -> Tensor, reset: () -> Void) {
    guard isCompiled else { return ({ model($0) }, {}) }
    let compiled = compile(model) { [model($0[0])] }
    return ({ compiled([$0])[0] }, compiled.reset)
  }

  /// Whether products compute in bfloat16 while parameters stay float32.
  var isMixed: Bool { dtypeName == "amp_bf16" }

  /// The dtype of tensors and parameters.
  func dtype() throws -> DType {
    switch dtypeName {
    case "fp32", "amp_bf16": return .float32
    case "fp64": return .float64
    case "bf16": return .bfloat16
    default: throw BenchError("dtype \(dtypeName) is not supported on this device")
    }
  }

  /// The workloads of a file, with its defaults filled in.
  static func read(_ path: String) throws -> [Workload] {
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    guard let root = try JSONSerialization.jsonObject(with: data) as? [String: Any],
      let entries = root["workloads"] as? [[String: Any]]
    else { throw BenchError("\(path) has no list 'workloads'") }
    let defaults = root["defaults"] as? [String: Any] ?? [:]
    return entries.map { Workload(defaults.merging($0) { $1 }) }
  }
}

struct BenchError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
