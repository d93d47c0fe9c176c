function text(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === 'string' ? value : '';
}

/** A text field's value without the spaces around it. */
export const formValue = (data: FormData, name: string): string => text(data, name).trim();

/** A password as it is: it may begin or end with a space. */
export const formSecret = text;
