import FlamebackCore
import FlamebackKernels

/// A plain number beside a tensor. It takes part in type promotion by its category only, as Python's numbers do.
public protocol ScalarConvertible: TensorOperand {
  var scalar: Scalar { get }
}

/// A tensor or a plain number.
public protocol TensorOperand {
  var operand: Operand { get }
}

extension ScalarConvertible {
  public var operand: Operand { .scalar(scalar) }
}

extension Tensor: TensorOperand { public var operand: Operand { .tensor(self) } }
extension Operand: TensorOperand { public var operand: Operand { self } }
extension Scalar: ScalarConvertible { public var scalar: Scalar { self } }
extension Int: ScalarConvertible { public var scalar: Scalar { .int(self) } }
extension Double: ScalarConvertible { public var scalar: Scalar { .float(self) } }
extension Float: ScalarConvertible { public var scalar: Scalar { .float(Double(self)) } }
extension Bool: ScalarConvertible { public var scalar: Scalar { .bool(self) } }
extension Complex: TensorOperand {}
extension Complex: ScalarConvertible { public var scalar: Scalar { .complex(Double(real), Double(imaginary)) } }

extension Elementwise {
  /// Applies the function to tensors and numbers of which at least one is a tensor.
  package func callAsFunction(_ a: some TensorOperand, _ b: some TensorOperand) -> Tensor {
    call([a.operand, b.operand])
  }
  package func callAsFunction(_ a: some TensorOperand, _ b: some TensorOperand, _ c: some TensorOperand) -> Tensor {
    call([a.operand, b.operand, c.operand])
  }
}
