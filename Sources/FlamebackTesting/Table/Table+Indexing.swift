import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let indexing: [String: Entry] = [:]
}
