interface Props {
  label: string;
  value: number;
  max: number;
}

export function Progress({ label, value, max }: Props) {
  const share = max > 0 ? Math.min(1, value / max) : 0;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={value}
      className="h-2 overflow-hidden rounded-full bg-line"
    >
      <div
        className="h-full origin-left bg-ink transition-transform duration-500"
        style={{ transform: `scaleX(${String(share)})` }}
      />
    </div>
  );
}
