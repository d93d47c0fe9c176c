import { X } from 'lucide';
import { limits } from '@/api/limits';
import { Button } from '@/ui/Button';
import { Field, FieldFrame, inputClass } from '@/ui/Field';
import { Icon } from '@/ui/Icon';
import { emptyArea, type AreaForm, type Errors } from './draft';

interface Props {
  areas: AreaForm[];
  zones: string[];
  categories: string[];
  errors: Errors;
  onChange: (areas: AreaForm[]) => void;
}

/** Standing room: parts of the plan that are sold by number instead of by seat. */
export function AreasField({ areas, zones, categories, errors, onChange }: Props) {
  const change = (key: number, part: Partial<AreaForm>) =>
    onChange(areas.map((area) => (area.key === key ? { ...area, ...part } : area)));
  const add = () => {
    const key = Math.max(0, ...areas.map((area) => area.key)) + 1;
    onChange([
      ...areas,
      { ...emptyArea(key), zone: zones[0] ?? '', category: categories[0] ?? '' },
    ]);
  };
  return (
    <section aria-label="Standing areas" className="grid gap-4">
      <h2 className="display text-3xl">Standing areas</h2>
      <p className="text-sm text-soft">
        Optional. An area without numbered seats, sold up to its capacity.
      </p>
      {areas.map((area, index) => (
        <div
          key={area.key}
          className="grid items-start gap-4 border-t border-line pt-4 sm:grid-cols-[1fr_1fr_1fr_8rem_auto]"
        >
          <Field
            label="Name"
            required
            {...limits.area_name}
            value={area.name}
            error={errors[`areas.${String(index)}.name`]}
            onChange={(event) => change(area.key, { name: event.target.value })}
          />
          <Choice
            label="Zone of the plan"
            value={area.zone}
            options={[...new Set([area.zone, ...zones])]}
            error={errors[`areas.${String(index)}.zone`]}
            onChange={(zone) => change(area.key, { zone })}
          />
          <Choice
            label="Price category"
            value={area.category}
            options={categories}
            error={errors[`areas.${String(index)}.category`]}
            onChange={(category) => change(area.key, { category })}
          />
          <Field
            label="Capacity"
            type="number"
            {...limits.area_capacity}
            required
            value={area.capacity}
            error={errors[`areas.${String(index)}.capacity`]}
            onChange={(event) => change(area.key, { capacity: event.target.value })}
          />
          <button
            type="button"
            aria-label={`Remove the area ${area.name}`}
            className="grid size-11 place-items-center rounded-md text-soft hover:bg-sunk hover:text-ink sm:mt-6.5"
            onClick={() => onChange(areas.filter((other) => other.key !== area.key))}
          >
            <Icon of={X} className="size-4" />
          </button>
        </div>
      ))}
      <Button kind="secondary" className="justify-self-start" onClick={add}>
        Add a standing area
      </Button>
    </section>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: string[];
  error: string | undefined;
  onChange: (value: string) => void;
}

function Choice({ label, value, options, error, onChange }: ChoiceProps) {
  return (
    <FieldFrame label={label} error={error}>
      {({ id, describedBy }) => (
        <select
          id={id}
          value={value}
          aria-describedby={describedBy}
          className={inputClass}
          onChange={(event) => onChange(event.target.value)}
        >
          {options.map((option) => (
            <option key={option} value={option}>
              {option || 'The one without a name'}
            </option>
          ))}
        </select>
      )}
    </FieldFrame>
  );
}
