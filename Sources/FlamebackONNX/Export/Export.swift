import Flameback
import FlamebackCore

extension Graph {
  /// The graph as an ONNX model, for inputs of the traced shapes.
  ///
  /// Throws `ONNXExportError` with all operations that ONNX cannot express.
  public func onnx(_ options: ONNXExportOptions = ONNXExportOptions()) throws -> ONNXFile {
    guard options.dynamicAxes.isEmpty else {
      throw OpError("onnx", "a graph has fixed shapes: give the model to exportONNX for dynamic axes")
    }
    return try Exporter.write(self, options: options)
  }

  /// Writes the graph to an ONNX file. SeeAlso: torch.onnx.export
  public func exportONNX(to path: String, _ options: ONNXExportOptions = ONNXExportOptions()) throws {
    try onnx(options).write(to: path, externalThreshold: options.externalThreshold)
  }
}

/// A model as ONNX: traced in evaluation mode on `inputs`, its parameters under their names in the state dict.
///
/// Throws `ONNXExportError` with all operations that ONNX cannot express. SeeAlso: torch.onnx.export
public func onnxFile(
  _ model: Module, _ inputs: [Tensor], _ options: ONNXExportOptions = ONNXExportOptions(),
  _ body: ([Tensor]) throws -> [Tensor]
) throws -> ONNXFile {
  let names = (0..<inputs.count).map {
    $0 < options.inputNames.count ? options.inputNames[$0] : inputs.count == 1 ? "input" : "input_\($0)"
  }
  var axes: [String: [(input: Int, dim: Int, name: String)]] = [:]
  for (input, dims) in options.dynamicAxes {
    guard let i = names.firstIndex(of: input) else { throw OpError("onnx", "there is no input '\(input)'") }
    for (dim, name) in dims {
      let d = try normalizedDim(dim, rank: inputs[i].rank, op: "onnx")
      axes[name, default: []].append((i, d, name))
    }
  }
  let ordered = axes.sorted { $0.key < $1.key }.map(\.value)
  func longer(_ inputs: [Tensor], _ places: [(input: Int, dim: Int, name: String)], only: (Int) -> Bool) -> [Tensor] {
    var result = inputs
    for (input, dim, _) in places where only(inputs[input].shape[dim]) {
      result[input] = .cat([result[input], result[input]], dim: dim)
    }
    return result
  }
  let modes = model.modules.map { ($0, $0.isTraining) }
  model.eval()
  // Outer modules first: `train` goes down, and plain arrays of modules have no mode of their own.
  defer { for (module, mode) in modes { module.train(mode) } }
  return try noGrad {
    // An axis of size 1 would look like one that is broadcast.
    let base = ordered.reduce(inputs) { longer($0, $1) { $0 == 1 } }
    var failure: (any Error)?
    func graph(_ inputs: [Tensor]) throws -> Graph {
      let graph = try withErrors {
        trace(model, inputs) { inputs in
          do { return try body(inputs) } catch {
            failure = error
            return []
          }
        }
      }
      if let failure { throw failure }
      return graph
    }
    return try Exporter.write(
      graph(base), longer: ordered.map { try graph(longer(base, $0) { _ in true }) }, axes: ordered, options: options)
  }
}

/// Writes a model to an ONNX file. SeeAlso: torch.onnx.export
///
///     try exportONNX(model, [image], to: "model.onnx") { [model($0[0])] }
public func exportONNX(
  _ model: Module, _ inputs: [Tensor], to path: String, _ options: ONNXExportOptions = ONNXExportOptions(),
  _ body: ([Tensor]) throws -> [Tensor]
) throws {
  try onnxFile(model, inputs, options, body).write(to: path, externalThreshold: options.externalThreshold)
}

/// Writes a model from one tensor to one tensor. SeeAlso: torch.onnx.export
public func exportONNX(
  _ model: some UnaryLayer, _ input: Tensor, to path: String, _ options: ONNXExportOptions = ONNXExportOptions()
) throws { try exportONNX(model, [input], to: path, options) { [model($0[0])] } }

extension ONNXModel {
  /// Writes the model with the weights it has now.
  public func exportONNX(
    _ inputs: [Tensor], to path: String, _ options: ONNXExportOptions = ONNXExportOptions()
  ) throws {
    var options = options
    if options.inputNames.isEmpty { options.inputNames = inputNames }
    if options.outputNames.isEmpty { options.outputNames = outputNames }
    try FlamebackONNX.exportONNX(self, inputs, to: path, options) { try self.run($0) }
  }
}
