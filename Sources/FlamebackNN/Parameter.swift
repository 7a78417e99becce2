import FlamebackCore

/// A tensor that a module learns: `@Parameter var weight: Tensor`, or `Tensor?` where it may be missing.
///
/// Reading gives a leaf whose gradient accumulates, assignment replaces the value and keeps the gradient's place.
/// `$weight` is the cell: what optimizers hold; sharing one cell ties weights. SeeAlso: torch.nn.Parameter
@propertyWrapper
public struct Parameter<Value: ParameterValue> {
  /// The cell; assign another parameter's cell to share its weights.
  public var projectedValue: Value.Cell

  public init(wrappedValue: Value) { projectedValue = Value.cell(wrappedValue) }

  public var wrappedValue: Value {
    get { Value.value(projectedValue) }
    set { Value.assign(newValue, &projectedValue) }
  }
}

/// What `@Parameter` can wrap: `Tensor` and `Tensor?`.
public protocol ParameterValue {
  associatedtype Cell
  static func cell(_ value: Self) -> Cell
  static func value(_ cell: Cell) -> Self
  static func assign(_ value: Self, _ cell: inout Cell)
}

extension Tensor: ParameterValue {
  public static func cell(_ value: Tensor) -> ParameterCell { ParameterCell(value) }
  public static func value(_ cell: ParameterCell) -> Tensor { cell.tensor }
  public static func assign(_ value: Tensor, _ cell: inout ParameterCell) { cell.tensor = value }
}

extension Optional: ParameterValue where Wrapped == Tensor {
  public static func cell(_ value: Tensor?) -> ParameterCell? { value.map { ParameterCell($0) } }
  public static func value(_ cell: ParameterCell?) -> Tensor? { cell?.tensor }
  public static func assign(_ value: Tensor?, _ cell: inout ParameterCell?) {
    if let value, let cell { cell.tensor = value } else { cell = self.cell(value) }
  }
}

/// A tensor that belongs to a module without being learnt: `@Buffer var runningMean: Tensor`, or `Tensor?`.
///
/// `$runningMean` is the cell. SeeAlso: torch.nn.Buffer
@propertyWrapper
public struct Buffer<Value: BufferValue> {
  /// The cell.
  public var projectedValue: Value.BufferCellType

  public init(wrappedValue: Value) { projectedValue = Value.bufferCell(wrappedValue) }

  /// The value. Changed in place (`cache[0] = row`) it keeps its memory where nobody else holds that.
  public var wrappedValue: Value {
    get { Value.bufferValue(projectedValue) }
    set { Value.assign(newValue, buffer: &projectedValue) }
    _modify {
      var value = Value.takeValue(projectedValue)
      defer { Value.assign(value, buffer: &projectedValue) }
      yield &value
    }
  }
}

/// What `@Buffer` can wrap: `Tensor` and `Tensor?`.
public protocol BufferValue {
  associatedtype BufferCellType
  static func bufferCell(_ value: Self) -> BufferCellType
  static func bufferValue(_ cell: BufferCellType) -> Self
  /// The value, of which the cell lets go until the next assignment.
  static func takeValue(_ cell: BufferCellType) -> Self
  static func assign(_ value: Self, buffer cell: inout BufferCellType)
}

extension Tensor: BufferValue {
  public static func bufferCell(_ value: Tensor) -> BufferCell { BufferCell(value) }
  public static func bufferValue(_ cell: BufferCell) -> Tensor { cell.tensor }
  public static func takeValue(_ cell: BufferCell) -> Tensor { cell.take() }
  public static func assign(_ value: Tensor, buffer cell: inout BufferCell) { cell.tensor = value }
}

extension Optional: BufferValue where Wrapped == Tensor {
  public static func bufferCell(_ value: Tensor?) -> BufferCell? { value.map { BufferCell($0) } }
  public static func bufferValue(_ cell: BufferCell?) -> Tensor? { cell?.tensor }
  public static func takeValue(_ cell: BufferCell?) -> Tensor? { cell?.take() }
  public static func assign(_ value: Tensor?, buffer cell: inout BufferCell?) {
    if let value, let cell { cell.tensor = value } else { cell = bufferCell(value) }
  }
}
