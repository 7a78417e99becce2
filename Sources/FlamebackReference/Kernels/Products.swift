import FlamebackCore
import FlamebackKernels
import FlamebackOps

extension Primitives.MatrixMultiply: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    let out = outputs[0]
    let (rows, columns) = (out.shape[out.shape.count - 2], out.shape[out.shape.count - 1])
    let inner = inputs[0].shape[inputs[0].shape.count - 1]
    let batch = Shape(out.shape.dropLast(2))
    /// The number of each matrix's first element in an operand's row-major order.
    func starts(_ x: ReferenceArray) -> [Int] {
      let own = Shape(x.shape.dropLast(2))
      let size = x.shape.suffix(2).reduce(1, *)
      let layout = Layout(own).expanded(to: batch)!
      var places = [0]
      for d in batch.indices { places = places.flatMap { p in (0..<batch[d]).map { p + $0 * layout.strides[d] } } }
      return places.map { $0 * size }
    }
    let (left, right) = (starts(inputs[0]), starts(inputs[1]))

    func product<T>(_ a: [T], _ b: [T], _ zero: T, _ multiply: (T, T) -> T, _ add: (T, T) -> T) -> [T] {
      var result: [T] = []
      result.reserveCapacity(out.count)
      for (p, q) in zip(left, right) {
        for i in 0..<rows {
          for j in 0..<columns {
            var sum = zero
            for k in 0..<inner { sum = add(sum, multiply(a[p + i * inner + k], b[q + k * columns + j])) }
            result.append(sum)
          }
        }
      }
      return result
    }

    let addend: ReferenceArray? =
      inputs.count > 2 && beta.bool
      ? ReferenceArray(
        base: inputs[2].base, dtype: out.dtype, shape: out.shape,
        strides: Layout(shape: inputs[2].shape, strides: inputs[2].strides).expanded(to: out.shape)!.strides) : nil
    if out.dtype.isComplex {
      func multiply(_ a: Complex<Double>, _ b: Complex<Double>) -> Complex<Double> { a.times(b) }
      func scalar(_ s: Scalar) -> Complex<Double> { Complex(s.double, s.imaginary) }
      var result = product(inputs[0].complexes, inputs[1].complexes, Complex(0), multiply) {
        Complex($0.real + $1.real, $0.imaginary + $1.imaginary)
      }.map { multiply($0, scalar(alpha)) }
      if let addend {
        result = zip(result, addend.complexes).map {
          let c = multiply($1, scalar(beta))
          return Complex($0.real + c.real, $0.imaginary + c.imaginary)
        }
      }
      out.store(.complexes(result))
    } else if out.dtype.isFloatingPoint {
      var result = product(inputs[0].reals, inputs[1].reals, 0, *, +).map { $0 * alpha.double }
      if let addend { result = zip(result, addend.reals).map { $0 + $1 * beta.double } }
      out.store(.reals(result))
    } else {
      var result = product(inputs[0].integers, inputs[1].integers, 0, &*, &+).map { $0 &* alpha.int }
      if let addend { result = zip(result, addend.integers).map { $0 &+ $1 &* beta.int } }
      out.store(.integers(result))
    }
  }
}

extension Complex where Real == Double {
  func scaled(_ factor: Double) -> Complex { Complex(real * factor, imaginary * factor) }

  func times(_ other: Complex) -> Complex {
    Complex(
      real * other.real - imaginary * other.imaginary, real * other.imaginary + imaginary * other.real)
  }
}

extension Primitives.Softmax: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    let x = inputs[0].reals
    var result = x
    for line in Lines(inputs[0].shape, [dim]) {
      if line.isEmpty { continue }
      let largest = line.map { x[$0] }.max { $1.isNaN || $0 < $1 }!
      let sum = line.reduce(0) { $0 + exponential(x[$1] - largest) }
      for i in line {
        result[i] = log ? x[i] - largest - logarithm(sum) : exponential(x[i] - largest) / sum
      }
    }
    outputs[0].store(.reals(result))
  }
}
