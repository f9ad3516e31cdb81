{{- /* What a service does in a namespace of runs: it reads the run and what it has pinned, and makes the StageRun that follows. */}}
{{- define "podium.serviceRules" -}}
- apiGroups: [podium.dev]
  resources: [pipelineruns]
  verbs: [get]
- apiGroups: [podium.dev]
  resources: [stageruns]
  verbs: [get, create]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- end }}
