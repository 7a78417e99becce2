import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// Checks the gradients of section 4.2 of the format.
struct Gradients {
  let file: CaseFile
  let inputs: [Tensor]
  let alignments: [[Int]: Alignment]
  let device: Device

  func check(_ output: Value, _ backward: JSON, second: JSON?) throws {
    var outputs: [Tensor] = []
    var cotangents: [Tensor] = []
    for entry in backward["cotangents"]?.array ?? [] {
      let path = (entry["output"]?.array ?? []).compactMap(\.int)
      guard let tensor = output[path[...]]?.tensor else { throw Mismatch("there is no output \(path)") }
      var cotangent = try file.tensor(entry["tensor"] ?? .null)
      if let alignment = alignments[path] { cotangent = try alignment.unaligned(cotangent) }
      guard tensor.requiresGrad else { throw Mismatch("output\(path) has no gradient") }
      outputs.append(tensor)
      cotangents.append(cotangent.to(device))
    }
    let wanted = backward["grads"]?.array ?? []
    let tracked = inputs.indices.filter { inputs[$0].requiresGrad }
    let gradients = try withErrors {
      let gradients = grad(
        of: outputs, wrt: tracked.map { inputs[$0] }, gradOutputs: cotangents, createGraph: second != nil,
        allowUnused: true)
      try device.synchronize()  // errors of a device come to light here
      return gradients
    }
    try compare(wanted, gradients, tracked, json: backward, label: "gradient")
    if let second { try checkSecond(second, gradients, tracked) }
  }

  private func checkSecond(_ json: JSON, _ first: [Tensor?], _ tracked: [Int]) throws {
    var outputs: [Tensor] = []
    var cotangents: [Tensor] = []
    for entry in json["cotangents"]?.array ?? [] {
      guard let input = entry["grad_of"]?.int, let k = tracked.firstIndex(of: input), let gradient = first[k] else {
        throw Mismatch("there is no first gradient for the second one")
      }
      guard gradient.requiresGrad else { continue }  // constant: it contributes nothing
      outputs.append(gradient)
      let cotangent = try file.tensor(entry["tensor"] ?? .null)
      cotangents.append(cotangent.to(device))
    }
    let gradients =
      outputs.isEmpty
      ? tracked.map { _ in nil }
      : try withErrors {
        grad(of: outputs, wrt: tracked.map { inputs[$0] }, gradOutputs: cotangents, allowUnused: true)
      }
    try compare(json["grads"]?.array ?? [], gradients, tracked, json: json, label: "second gradient")
  }

  private func compare(
    _ wanted: [JSON], _ gradients: [Tensor?], _ tracked: [Int], json: JSON, label: String
  ) throws {
    var comparison = Comparison(file: file, json: json)
    for entry in wanted {
      let i = entry["input"]?.int ?? -1
      let gradient = tracked.firstIndex(of: i).flatMap { gradients[$0] }
      let place = "\(label) of input \(i)"
      let descriptor = entry["tensor"] ?? .null
      if descriptor.isNull {
        guard let gradient else { continue }
        let zero = try HostArray(gradient)
        guard zero.real.allSatisfy({ $0 == 0 }), zero.imaginary.allSatisfy({ $0 == 0 }) else {
          throw Mismatch("\(place) is not zero, expected none")
        }
      } else if let gradient {
        try comparison.compare(gradient, descriptor, place: place)
      } else if try !file.array(descriptor).isZero {
        throw Mismatch("there is no \(place)")
      }
    }
  }
}

extension HostArray {
  var isZero: Bool {
    real.allSatisfy { $0 == 0 } && imaginary.allSatisfy { $0 == 0 } && ints.allSatisfy { $0 == 0 }
  }
}
