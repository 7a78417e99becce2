import FlamebackCore
import FlamebackKernels
import FlamebackOps

extension Primitives.Fill: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    let count = outputs[0].count
    switch value {
    case .bool(let value): outputs[0].store(.integers(Array(repeating: value ? 1 : 0, count: count)))
    case .int(let value): outputs[0].store(.integers(Array(repeating: value, count: count)))
    case .float(let value): outputs[0].store(.reals(Array(repeating: value, count: count)))
    case .complex(let re, let im): outputs[0].store(.complexes(Array(repeating: Complex(re, im), count: count)))
    }
  }
}

extension Primitives.Arange: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    let places = 0..<outputs[0].count
    if outputs[0].dtype.isDifferentiable {
      outputs[0].store(.reals(places.map { start.double + step.double * Double($0) }))
    } else {
      outputs[0].store(.integers(places.map { start.int &+ step.int &* $0 }))
    }
  }
}

/// Draws from the host's generators, so that a program on this device sees the numbers that it sees on the host: they are
/// drawn when the operation is submitted, as a GPU's kernel gets its part of the stream then.
extension Primitives.RandomDraw: ReferenceKernel {
  package func prepared() throws(OpError) -> any ReferenceKernel {
    let count = shape.elementCount
    let bytes = [UInt8](unsafeUninitializedCapacity: count * dtype.byteSize) { buffer, filled in
      if count > 0 { draw(buffer.baseAddress!, count) }
      filled = count * dtype.byteSize
    }
    return Drawn(draw: self, bytes: bytes)
  }

  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) throws(OpError) {
    throw OpError(name, "is prepared before it runs")
  }
}

/// A draw whose numbers are there already.
private struct Drawn: ReferenceKernel {
  static let name = "random"
  let draw: Primitives.RandomDraw
  let bytes: [UInt8]

  func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { try draw.infer(inputs) }
  func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
    try draw.runOnHost(inputs, into: outputs)
  }
  var gradient: Gradient { draw.gradient }

  func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    bytes.withUnsafeBytes {
      if let base = $0.baseAddress { outputs[0].base.copyMemory(from: base, byteCount: $0.count) }
    }
  }
}
