import FlamebackFiles
import FlamebackKernels

/// Turns the bytes of an ONNX file into an `ONNXFile`.
struct Decoder {
  /// Graphs inside attributes of nodes: deeper nesting is an attack.
  private static let maxDepth = 32
  let file: FileBytes

  static func model(_ file: FileBytes) throws(FileError) -> ONNXFile {
    let decoder = Decoder(file: file)
    var reader = WireReader(file)
    var model = ONNXFile()
    model.path = file.path
    model.opsets = [:]
    var hasGraph = false
    while let (field, value) = try reader.next() {
      switch field {
      case 1: model.irVersion = try reader.int(field, value)
      case 2: model.producer = try reader.text(field, value)
      case 3: model.producerVersion = try reader.text(field, value)
      case 7:
        model.graph = try decoder.graph(reader.reader(field, value), depth: 0)
        hasGraph = true
      case 8:
        let (domain, version) = try decoder.opset(reader.reader(field, value))
        model.opsets[domain == "ai.onnx" ? "" : domain] = version
      case 14: model.metadata.append(try decoder.pair(reader.reader(field, value)))
      case 25: model.functions.append(try decoder.function(reader.reader(field, value)))
      default: break
      }
    }
    guard hasGraph else { throw FileError(path: file.path, "holds no ONNX graph") }
    guard !model.opsets.isEmpty else { throw FileError(path: file.path, "names no operator set") }
    return model
  }

  private func opset(_ reader: WireReader) throws(FileError) -> (String, Int) {
    var reader = reader
    var (domain, version) = ("", 1)
    while let (field, value) = try reader.next() {
      switch field {
      case 1: domain = try reader.text(field, value)
      case 2: version = try reader.int(field, value)
      default: break
      }
    }
    return (domain, version)
  }

  private func pair(_ reader: WireReader) throws(FileError) -> (key: String, value: String) {
    var reader = reader
    var result = (key: "", value: "")
    while let (field, value) = try reader.next() {
      switch field {
      case 1: result.key = try reader.text(field, value)
      case 2: result.value = try reader.text(field, value)
      default: break
      }
    }
    return result
  }

  private func graph(_ reader: WireReader, depth: Int) throws(FileError) -> ONNXGraph {
    guard depth < Self.maxDepth else { throw reader.failure("graphs nested deeper than \(Self.maxDepth)") }
    var reader = reader
    var graph = ONNXGraph()
    graph.name = ""
    while let (field, value) = try reader.next() {
      switch field {
      case 1: graph.nodes.append(try node(reader.reader(field, value), depth: depth))
      case 2: graph.name = try reader.text(field, value)
      case 5: graph.initializers.append(try tensor(reader.reader(field, value)))
      case 11: graph.inputs.append(try valueInfo(reader.reader(field, value)))
      case 12: graph.outputs.append(try valueInfo(reader.reader(field, value)))
      case 15: throw reader.failure("sparse initializers are not supported")
      default: break
      }
    }
    return graph
  }

  private func node(_ reader: WireReader, depth: Int) throws(FileError) -> ONNXNode {
    var reader = reader
    var node = ONNXNode(op: "", inputs: [], outputs: [])
    while let (field, value) = try reader.next() {
      switch field {
      case 1: node.inputs.append(try reader.text(field, value))
      case 2: node.outputs.append(try reader.text(field, value))
      case 3: node.name = try reader.text(field, value)
      case 4: node.op = try reader.text(field, value)
      case 5:
        let (name, attribute) = try attribute(reader.reader(field, value), depth: depth)
        node.attributes[name] = attribute
      case 7:
        let domain = try reader.text(field, value)
        node.domain = domain == "ai.onnx" ? "" : domain
      default: break
      }
    }
    return node
  }

  private func attribute(_ reader: WireReader, depth: Int) throws(FileError) -> (String, ONNXAttribute) {
    var reader = reader
    var name = ""
    var type = 0
    var (number, real) = (0, Float(0))
    var string: [UInt8] = []
    var (tensor, graph): (ONNXTensor?, ONNXGraph?) = (nil, nil)
    var (ints, reals): ([Int], [UInt8]) = ([], [])
    var strings: [[UInt8]] = []
    var reference = ""
    var seen = 0  // which field had the value, for files without `type` (IR version 1)
    while let (field, value) = try reader.next() {
      switch field {
      case 1: name = try reader.text(field, value)
      case 2: real = try reader.float(field, value)
      case 3: number = try reader.int(field, value)
      case 4: string = Array(file.bytes[try reader.range(field, value)])
      case 5: tensor = try self.tensor(reader.reader(field, value))
      case 6: graph = try self.graph(reader.reader(field, value), depth: depth + 1)
      case 7: try reader.appendFixed(field, value, size: 4, to: &reals)
      case 8: try reader.appendInts(field, value, to: &ints)
      case 9: strings.append(Array(file.bytes[try reader.range(field, value)]))
      case 20: type = try reader.int(field, value)
      case 21: reference = try reader.text(field, value)
      default: break
      }
      if (2...9).contains(field) { seen = [1, 2, 3, 4, 5, 6, 7, 8][field - 2] }
    }
    if !reference.isEmpty { return (name, .reference(reference)) }
    switch type == 0 ? seen : type {
    case 1: return (name, .float(real))
    case 2: return (name, .int(number))
    case 3: return (name, .string(string))
    case 4: if let tensor { return (name, .tensor(tensor)) }
    case 5: if let graph { return (name, .graph(graph)) }
    case 6:
      let floats = reals.withUnsafeBytes { bytes in
        (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
      }
      return (name, .floats(floats))
    case 7: return (name, .ints(ints))
    case 8: return (name, .strings(strings))
    default: return (name, .other)
    }
    throw reader.failure("attribute '\(name)' has no value of its type")
  }

  private func function(_ reader: WireReader) throws(FileError) -> ONNXFunction {
    var reader = reader
    var function = ONNXFunction()
    while let (field, value) = try reader.next() {
      switch field {
      case 1: function.name = try reader.text(field, value)
      case 4: function.inputs.append(try reader.text(field, value))
      case 5: function.outputs.append(try reader.text(field, value))
      case 7: function.nodes.append(try node(reader.reader(field, value), depth: 0))
      case 10: function.domain = try reader.text(field, value)
      case 11:
        let (name, attribute) = try attribute(reader.reader(field, value), depth: 0)
        function.defaults[name] = attribute
      case 13: function.overload = try reader.text(field, value)
      default: break
      }
    }
    return function
  }

  // MARK: types

  private func valueInfo(_ reader: WireReader) throws(FileError) -> ONNXValueInfo {
    var reader = reader
    var info = ONNXValueInfo(name: "")
    while let (field, value) = try reader.next() {
      switch field {
      case 1: info.name = try reader.text(field, value)
      case 2: try type(reader.reader(field, value), into: &info)
      default: break
      }
    }
    return info
  }

  private func type(_ reader: WireReader, into info: inout ONNXValueInfo) throws(FileError) {
    var reader = reader
    while let (field, value) = try reader.next() {
      switch field {
      case 1:
        var inner = try reader.reader(field, value)
        while let (field, value) = try inner.next() {
          switch field {
          case 1: info.type = ONNXType(rawValue: try inner.int(field, value))
          case 2: info.shape = try shape(inner.reader(field, value))
          default: break
          }
        }
      case 4: info.kind = .sequence
      case 5, 8: info.kind = .other
      case 9: info.kind = .optional
      default: break
      }
    }
  }

  private func shape(_ reader: WireReader) throws(FileError) -> [ONNXValueInfo.Dimension] {
    var reader = reader
    var shape: [ONNXValueInfo.Dimension] = []
    while let (field, value) = try reader.next() {
      guard field == 1 else { continue }
      var inner = try reader.reader(field, value)
      var dimension = ONNXValueInfo.Dimension.unknown
      while let (field, value) = try inner.next() {
        switch field {
        case 1: dimension = .size(try inner.int(field, value))
        case 2: dimension = .named(try inner.text(field, value))
        default: break
        }
      }
      shape.append(dimension)
    }
    return shape
  }
}
