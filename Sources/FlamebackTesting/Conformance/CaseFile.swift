import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// One JSON file of cases with its tensors.
final class CaseFile {
  let path: String
  let kind: String
  let op: String
  let tier: Int
  let aliases: [String]
  let cases: [JSON]
  let root: JSON
  private let tensors: Safetensors?

  init(directory: String, file: String) throws {
    path = file
    root = try JSON(contentsOf: "\(directory)/\(file)")
    kind = root["kind"]?.string ?? ""
    op = root["op"]?.string ?? ""
    tier = root["tier"]?.int ?? 0
    aliases = (root["aliases"]?.array ?? []).compactMap(\.string)
    cases = root["cases"]?.array ?? []
    let folder = file.split(separator: "/").dropLast().joined(separator: "/")
    tensors = try root["tensors"]?.string.map { try Safetensors("\(directory)/\(folder)/\($0)") }
  }

  private func stored(_ descriptor: JSON) throws -> RawTensor {
    guard let key = descriptor["key"]?.string, let tensor = tensors?[key] else {
      throw CallError("\(path): there is no tensor \(descriptor["key"]?.string ?? "without key")")
    }
    return tensor
  }

  /// The expected elements that a tensor descriptor names.
  func array(_ descriptor: JSON) throws -> HostArray {
    let shape = (descriptor["shape"]?.array ?? []).compactMap(\.int)
    let dtype = descriptor["dtype"]?.string ?? ""
    return try stored(descriptor).withContiguousBytes { try HostArray(dtype: dtype, shape: shape, bytes: $0) }
  }

  /// The tensor that a descriptor names: a view over the stored storage where strides are given.
  func tensor(_ descriptor: JSON, device: Device = .cpu) throws -> Tensor {
    let name = descriptor["dtype"]?.string ?? ""
    guard let dtype = DType(name: name) else { throw CallError("dtype \(name) is not supported") }
    let shape = Shape((descriptor["shape"]?.array ?? []).compactMap(\.int))
    let stored = try stored(descriptor)
    var storageShape = shape
    if descriptor["strides"] != nil {
      storageShape = Shape(dtype.isComplex ? stored.shape.dropLast() : stored.shape[...])
    }
    var tensor = try Tensor.uninitialized(TensorSpec(shape: storageShape, dtype: dtype), op: "conformance")
    let count = storageShape.elementCount * dtype.byteSize
    try stored.withContiguousBytes { bytes in
      guard bytes.count == count else {
        throw CallError("\(path): a tensor has \(bytes.count) bytes, expected \(dtype) \(storageShape)")
      }
      if let base = bytes.baseAddress { tensor.hostView.pointer.copyMemory(from: base, byteCount: count) }
    }
    tensor = tensor.to(device)
    if let strides = descriptor["strides"]?.array {
      let layout = Layout(
        shape: shape, strides: Shape(strides.compactMap(\.int)), offset: descriptor["offset"]?.int ?? 0)
      tensor = tensor.aliased(layout)
    }
    return descriptor["requires_grad"]?.bool == true ? tensor.requiringGrad() : tensor
  }

  /// Reads a value of section 3 of the format.
  func value(_ json: JSON, inputs: [Tensor] = [], variables: [String: Value] = [:]) throws -> Value {
    guard let object = json.object, let member = object.first else { throw CallError("not a value: \(json)") }
    let content = member.value
    func items(_ json: JSON) throws -> [Value] {
      try (json.array ?? []).map { try value($0, inputs: inputs, variables: variables) }
    }
    func members(_ json: JSON?) throws -> [(String, Value)] {
      try (json?.object ?? [:]).map { ($0.key, try value($0.value, inputs: inputs, variables: variables)) }
    }
    switch member.key {
    case "input":
      guard let i = content.int, inputs.indices.contains(i) else { throw CallError("there is no input \(content)") }
      return .tensor(inputs[i])
    case "var":
      guard let found = variables[content.string ?? ""] else { throw CallError("there is no variable \(content)") }
      return found
    case "int":
      guard let int = content.int else { throw CallError("integer \(content) does not fit in 64 bits") }
      return .int(int)
    case "float": return .float(try CaseFile.number(content))
    case "bool": return .bool(content.bool ?? false)
    case "complex":
      return .complex(try CaseFile.number(content[0] ?? .null), try CaseFile.number(content[1] ?? .null))
    case "str": return .string(content.string ?? "")
    case "none": return .none
    case "list": return .list(try items(content))
    case "tuple": return .tuple(try items(content), fields: (json["fields"]?.array ?? []).compactMap(\.string))
    case "dict": return .dict(try members(content))
    case "slice":
      func bound(_ i: Int) throws -> Int? {
        let bound = try content[i].map { $0.isNull ? Value.none : try value($0, inputs: inputs, variables: variables) }
        if case .tensor(let tensor) = bound { return tensor.itemInt() }
        if case .int(let int) = bound { return int }
        return nil
      }
      return .slice(try bound(0), try bound(1), try bound(2))
    case "ellipsis": return .ellipsis
    case "dtype":
      guard let dtype = DType(name: content.string ?? "") else {
        throw CallError("dtype \(content.string ?? "") is not supported")
      }
      return .dtype(dtype)
    case "device": return .device(try Device(content.string ?? ""))
    case "layout": return .layout(content.string ?? "")
    case "memory_format": return .memoryFormat(content.string ?? "")
    case "function": return .function(content.string ?? "")
    case "tensor": return .tensor(try tensor(content))
    case "object":
      return .object(
        class: content["class"]?.string ?? "", args: try items(content["args"] ?? .array([])),
        kwargs: try members(content["kwargs"]))
    default: throw CallError("unknown form of value '\(member.key)'")
    }
  }

  func values(_ json: JSON?, inputs: [Tensor], variables: [String: Value] = [:]) throws -> [Value] {
    try (json?.array ?? []).map { try value($0, inputs: inputs, variables: variables) }
  }

  func keywords(_ json: JSON?, inputs: [Tensor], variables: [String: Value] = [:]) throws -> [(String, Value)] {
    try (json?.object ?? [:]).map { ($0.key, try value($0.value, inputs: inputs, variables: variables)) }
  }

  static func number(_ json: JSON) throws -> Double {
    if let double = json.double { return double }
    switch json.string {
    case "nan": return .nan
    case "inf": return .infinity
    case "-inf": return -.infinity
    default: throw CallError("not a number: \(json)")
    }
  }
}
